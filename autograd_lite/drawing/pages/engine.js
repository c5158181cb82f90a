"use strict";
// The engine of the page: both passes over a graph, in typed arrays. It computes what the Python engine computes: + − × ÷ √
// and all of backward's arithmetic to the bit, the other functions to 2 units in the last place.
//
// A program is made by `drawing/pages/program.py`:
//   rows       the names of the operations, by opcode
//   opcodes    of each node, in topological order; -1 on a leaf
//   starts     where the operands of each node begin in `operands`; one more at the end
//   operands   places in the data: nodes first, then constants; the factors of a dot in pairs, then its bias
//   data       the numbers of the leaves and the nodes, then the constants
//   root       the node to differentiate
//   rules      of each node's local derivatives: which of `derivatives`; -1 on a leaf
//   derivatives  the derivative rules of the operations table, run on symbols: programs of the same form, whose first places
//              hold a node's operands and its data, and whose `results` are the places of the local derivatives
//   formulas   by name, the operations that are not written here: programs of the same form, with one result
const AutogradEngine = (() => {
  class DomainError extends Error {}

  function refuse(name, ...numbers) {
    throw new DomainError(`${name}(${numbers.join(", ")}) has no number`);
  }

  // What Python raises on: a result that is infinite or nan, though the operands are finite.
  function checked(name, result, x) {
    if (Number.isFinite(result) || Number.isNaN(x)) return result;
    if (Number.isNaN(result) || Number.isFinite(x)) refuse(name, x);
    return result;
  }

  // --- functions that JavaScript does not have -------------------------------------------------------------------

  function polynomial(coefficients, x) {
    let sum = 0;
    for (let i = coefficients.length - 1; i >= 0; i--) sum = sum * x + coefficients[i];
    return sum;
  }

  // erf x = x + x·p(x²) below 1/2; e^(x²)·erfc x = p(x − middle) up to the first number of a piece, and p(1/x² − middle) / x
  // beyond the last. Fitted to values of 50 digits.
  const SMALL = [
    0.12837916709551256, -0.37612638903183476, 0.11283791670925353, -0.026866170632887928, 0.00522397737302147,
    -0.0008548297753674966, 0.00012053335124353741, -1.4845849259707869e-05, 1.4725865480556744e-06
  ];
  const PIECES = [
    [0.75, 0.625, [
      0.5568138808733625, -0.43236181600380946, 0.286587745870984, -0.16882964988963145, 0.0905346073431822,
      -0.04489820811899434, 0.020824409581205183, -0.0091094151496145, 0.003782695592344603,
      -0.0014989110049978508, 0.0005726279630028807, -0.00020902552235554318,
    ]],
    [1.25, 1.0, [
      0.427583576155807, -0.27321201478389767, 0.15437156137190816, -0.07922696894173042, 0.037572296215415024,
      -0.016661869038770857, 0.006970142359071614, -0.002769067606142129, 0.0010502702705125519,
      -0.00038187918729029347, 0.00013363979386183658, -4.610467568097833e-05, 1.5048833919323097e-05,
    ]],
    [2, 1.625, [
      0.30226120936348594, -0.14603023666418335, 0.06496207478417834, -0.026977910093249322, 0.010561485442423916,
      -0.00392619850073242, 0.0013938042459434039, -0.000474647565976947, 0.00015562644275927165,
      -4.927939871192791e-05, 1.5099518336215553e-05, -4.4930669928436464e-06, 1.3512787165173065e-06,
      -3.800687020466049e-07,
    ]],
    [3, 2.5, [
      0.2108063640611436, -0.07434734678979472, 0.024937997086656914, -0.008001569382093874, 0.002467036815699688,
      -0.0007335909374729658, 0.00021101982436023977, -5.8868958345706055e-05, 1.5961851696601105e-05,
      -4.214357879841587e-06, 1.0852366992052668e-06, -2.7262986241901926e-07, 6.706690790495327e-08,
      -1.7022233265672403e-08, 4.010268793982498e-09,
    ]],
    [4.5, 3.75, [
      0.14558972127503855, -0.03645625753272353, 0.008878755527325298, -0.00210728287016911,
      0.00048822238209556706, -0.00011057957492429277, 2.4516325376498874e-05, -5.3266727892748025e-06,
      1.1353256040737644e-06, -2.3760039411542024e-07, 4.88648259312011e-08, -9.88314548643627e-09,
      1.967168883484637e-09, -3.8557666610048606e-10, 7.447231130473627e-11, -1.4178849835169362e-11,
      2.651947446075976e-12, -4.915216965302485e-13, 9.886313259152457e-14, -1.7823189930128053e-14,
    ]],
  ];
  const TAIL = [0.025329113126732174, [
    0.557300026124292, -0.26248400402399213, 0.35476473241140244, -0.7664439937826207, 2.228505634584842,
    -8.025156979494627, 34.088397823421786, -165.42960670655847, 896.7951461926826, -5319.83842044221,
    34334.240438753106, -267881.737751069, 2006614.6803148899
  ]];

  function erf(x) {
    const a = Math.abs(x);
    if (Number.isNaN(x)) return x;
    if (a < 0.5) return x + x * polynomial(SMALL, x * x);
    return Math.sign(x) * (1 - erfc(a));
  }

  function erfc(x) {
    if (x < 0) return x > -0.5 ? 1 - erf(x) : 2 - erfc(-x);
    if (x < 0.25) return 1 - erf(x);
    if (x < 0.5) return 0.5 + (0.5 - x - x * polynomial(SMALL, x * x));
    if (x > 28) return 0;
    const piece = PIECES.find(([end]) => x <= end);
    const scaled = piece
      ? polynomial(piece[2], x - piece[1])
      : polynomial(TAIL[1], 1 / (x * x) - TAIL[0]) / x;
    // x² in two parts, since a rounding of x² would be one of the result, 2x² times as large.
    const high = Math.fround(x);
    return Math.exp(-high * high) * (scaled + scaled * Math.expm1((high - x) * (high + x)));
  }

  function power(x, y) {
    if (x === 1 || y === 0) return 1;
    if (x === -1 && Math.abs(y) === Infinity) return 1;
    if (y === 2) return x * x; // to the bit, which Math.pow is not
    if (y === 1) return x;
    if (y === -1) return 1 / x;
    return Math.pow(x, y);
  }

  function ieeeDivide(x, y) {
    return x / y;
  }

  function remainder(x, y) {
    let rest = x % y;
    if (rest) {
      if (y < 0 !== rest < 0) rest += y;
      return rest;
    }
    return Number.isNaN(rest) ? rest : y < 0 ? -0 : 0;
  }

  function floorDivide(x, y) {
    const rest = x % y;
    let quotient = (x - rest) / y;
    if (rest && y < 0 !== rest < 0) quotient -= 1;
    if (Number.isNaN(quotient)) return quotient;
    if (!quotient) return x / y < 0 || Object.is(x / y, -0) ? -0 : 0;
    const floor = Math.floor(quotient);
    return quotient - floor > 0.5 ? floor + 1 : floor;
  }

  function sigmoid(x) {
    if (x >= 0) return 1 / (1 + Math.exp(-x));
    const small = Math.exp(x);
    return small / (1 + small);
  }

  // As Python's max and min, which return the first operand unless the second is beyond it.
  const larger = (x, y) => (y > x ? y : x);
  const smaller = (x, y) => (y < x ? y : x);

  function hypot(x, y) {
    const a = Math.abs(x), b = Math.abs(y);
    if (a === Infinity || b === Infinity) return Infinity;
    const largest = Math.max(a, b);
    if (!(largest > 1e150) && !(largest < 1e-140)) return Math.sqrt(a * a + b * b);
    if (!largest) return largest;
    const scale = largest > 1 ? 2 ** -600 : 2 ** 600; // powers of two round nothing
    return Math.sqrt((a * scale) ** 2 + (b * scale) ** 2) / scale;
  }

  function largestOf(x, at, start, n) {
    let largest = x[at[start]];
    for (let i = 1; i < n; i++) {
      const next = x[at[start + i]];
      if (next > largest || Number.isNaN(next)) largest = next;
    }
    return largest;
  }

  function total(x, at, start, n) {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += x[at[start + i]];
    return sum;
  }

  function sumOfExponentials(x, at, start, n, largest) {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += Math.exp(x[at[start + i]] - largest);
    return sum;
  }

  // --- the forward rules: by name, from the data, where the operands are, and how many ------------------------------

  const one = (f) => (x, at, s) => f(x[at[s]]);
  const two = (f) => (x, at, s) => f(x[at[s]], x[at[s + 1]]);
  const three = (f) => (x, at, s) => f(x[at[s]], x[at[s + 1]], x[at[s + 2]]);
  const within = (name, f) => one((x) => checked(name, f(x), x));

  const FORWARD = {
    add: (x, at, s) => x[at[s]] + x[at[s + 1]],
    sub: (x, at, s) => x[at[s]] - x[at[s + 1]],
    mul: (x, at, s) => x[at[s]] * x[at[s + 1]],
    div: two((x, y) => (y === 0 ? refuse("division", x, y) : x / y)),
    pow: two((x, y) => {
      const z = power(x, y);
      const isExact = Number.isFinite(z) || !Number.isFinite(x) || !Number.isFinite(y);
      return isExact ? z : refuse("power", x, y);
    }),
    mod: two((x, y) => (y === 0 ? refuse("remainder", x, y) : remainder(x, y))),
    floor_divide: two((x, y) => (y === 0 ? refuse("floor_divide", x, y) : floorDivide(x, y))),
    neg: (x, at, s) => -x[at[s]],
    abs: one(Math.abs),
    exp: within("exp", Math.exp),
    expm1: within("expm1", Math.expm1),
    log: one((x) => (x <= 0 ? refuse("log", x) : Math.log(x))),
    log1p: one((x) => (x <= -1 ? refuse("log1p", x) : Math.log1p(x))),
    exp2: within("exp2", (x) => power(2, x)),
    log2: one((x) => (x <= 0 ? refuse("log2", x) : Math.log2(x))),
    log10: one((x) => (x <= 0 ? refuse("log10", x) : Math.log10(x))),
    sqrt: within("sqrt", Math.sqrt),
    cbrt: one(Math.cbrt),
    sin: within("sin", Math.sin),
    cos: within("cos", Math.cos),
    tan: within("tan", Math.tan),
    asin: within("asin", Math.asin),
    acos: within("acos", Math.acos),
    atan: one(Math.atan),
    sinh: within("sinh", Math.sinh),
    cosh: within("cosh", Math.cosh),
    tanh: one(Math.tanh),
    asinh: one(Math.asinh),
    acosh: within("acosh", Math.acosh),
    atanh: within("atanh", Math.atanh),
    erf: one(erf),
    erfc: one(erfc),
    sign: one((x) => (x > 0 ? 1 : x < 0 ? -1 : x * 0)),
    sigmoid: one(sigmoid),
    softplus: one((x) => larger(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))),
    relu: one((x) => (x <= 0 ? 0 : x)),
    leaky_relu: one((x) => (x > 0 ? x : 0.01 * x)),
    elu: one((x) => (x > 0 ? x : Math.expm1(x))),
    silu: one((x) => x * sigmoid(x)),
    gelu: one((x) => x * (0.5 * erfc(-Math.SQRT1_2 * x))),
    atan2: two(Math.atan2),
    hypot: two(hypot),
    maximum: two(larger),
    minimum: two(smaller),
    greater: two((x, y) => (x > y ? 1 : 0)),
    less: two((x, y) => (x < y ? 1 : 0)),
    equal: two((x, y) => (x === y ? 1 : 0)),
    where: three((c, x, y) => (c !== 0 ? x : y)),
    clip: three((x, low, high) => smaller(larger(x, low), high)),
    total,
    sum: total,
    mean: (x, at, s, n) => total(x, at, s, n) / n,
    dot: (x, at, s, n) => {
      let sum = x[at[s + n - 1]];
      for (let i = s; i < s + n - 1; i += 2) sum += x[at[i]] * x[at[i + 1]];
      return sum;
    },
    prod: (x, at, s, n) => {
      let product = 1;
      for (let i = 0; i < n; i++) product *= x[at[s + i]];
      return product;
    },
    largest: largestOf,
    logsumexp: (x, at, s, n) => {
      const largest = largestOf(x, at, s, n);
      return Number.isFinite(largest) ? largest + Math.log(sumOfExponentials(x, at, s, n, largest)) : largest;
    },
    cross_entropy: (x, at, s, n) => {
      const half = n >> 1, largest = largestOf(x, at, s + half, half);
      const rest = Math.abs(largest) === Infinity ? 0 : Math.log(sumOfExponentials(x, at, s + half, half, largest));
      let loss = 0;
      for (let i = 0; i < half; i++) {
        const weight = x[at[s + i]];
        if (weight !== 0) loss += weight * (largest - x[at[s + half + i]] + rest);
      }
      return loss;
    },
    ieee_div: two(ieeeDivide),
    ieee_pow: two(power),
    ieee_log: one((x) => (x > 0 ? Math.log(x) : x === 0 ? -Infinity : NaN)),
    normal_cdf: one((x) => 0.5 * erfc(-Math.SQRT1_2 * x)),
    normal_pdf: one((x) => 0.3989422804014327 * Math.exp(-0.5 * x * x)),
    // 1 · y is y and 0 · y is 0, as the rules of the table have it.
    times: two((x, y) => (x === 0 ? 0 : x === 1 ? y : x * y)),
  };

  // --- the engine ---------------------------------------------------------------------------------------------------

  function Steps(program, rows, formulas) {
    return {
      functions: Array.from(program.opcodes, (opcode) => FORWARD[rows[opcode]] ?? composed(formulas[rows[opcode]], rows, formulas)),
      starts: Uint32Array.from(program.starts),
      operands: Uint32Array.from(program.operands),
    };
  }

  function Rule(rule, rows, formulas) {
    return {
      ...Steps(rule, rows, formulas),
      first: rule.first,
      places: Float64Array.from(rule.places, Number),
      results: Uint32Array.from(rule.results),
    };
  }

  // Run the steps of a rule, whose first places hold the operands.
  function run(rule) {
    const { functions, starts, operands, first, places } = rule;
    for (let s = 0; s < functions.length; s++) {
      places[first + s] = functions[s](places, operands, starts[s], starts[s + 1] - starts[s]);
    }
  }

  // An operation that is not written above: its formula, in other operations.
  function composed(formula, rows, formulas) {
    if (!formula) return undefined;
    const rule = Rule(formula, rows, formulas);
    return (x, at, s, n) => {
      for (let k = 0; k < n; k++) rule.places[k] = x[at[s + k]];
      run(rule);
      return rule.places[rule.results[0]];
    };
  }

  class Engine {
    constructor(program) {
      this.size = program.opcodes.length;
      this.root = program.root;
      this.steps = Steps(program, program.rows, program.formulas);
      this.data = Float64Array.from(program.data, Number);
      this.grad = new Float64Array(this.data.length);
      this.rules = Int32Array.from(program.rules);
      this.derivatives = program.derivatives.map((rule) => Rule(rule, program.rows, program.formulas));
      this.partials = new Float64Array(this.steps.operands.length);
    }

    // Compute each node from its operands; throws a DomainError where Python raises.
    forward() {
      const { functions, starts, operands } = this.steps, data = this.data;
      for (let i = 0; i < this.size; i++) {
        const f = functions[i];
        if (f) data[i] = f(data, operands, starts[i], starts[i + 1] - starts[i]);
      }
      return data[this.root];
    }

    // The gradient of the root by each node, right to left.
    backward() {
      const { starts, operands } = this.steps, { data, grad, partials } = this;
      grad.fill(0);
      grad[this.root] = 1;
      for (let i = this.size - 1; i >= 0; i--) {
        if (this.rules[i] < 0) continue;
        const rule = this.derivatives[this.rules[i]];
        this.differentiate(rule, i);
        for (let k = starts[i], r = 0; k < starts[i + 1]; k++, r++) {
          partials[k] = rule.places[rule.results[r]];
          grad[operands[k]] += partials[k] * grad[i];
        }
      }
    }

    // Run a derivative rule on the data of a node and its operands.
    differentiate(rule, i) {
      const { starts, operands } = this.steps, data = this.data, places = rule.places;
      const n = starts[i + 1] - starts[i];
      for (let k = 0; k < n; k++) places[k] = data[operands[starts[i] + k]];
      places[n] = data[i];
      run(rule);
    }
  }

  return { Engine, DomainError, FORWARD };
})();
