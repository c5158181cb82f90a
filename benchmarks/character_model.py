"""A character-level language model built from scalars, one at a time, in the manner of microgpt.

Embeddings, one causal self-attention head, a two-layer perceptron, softmax and cross-entropy: arithmetic, `exp`, `log`,
`relu`, `.data`, `.grad` and `.backward()` of whatever `Value` class it is given. The drop-in test trains it with two of them.
"""

import itertools
import random

NAMES = ["emma", "olivia", "ava", "isabella", "sophia", "mia", "amelia", "harper", "evelyn", "abigail"]
LETTERS = [".", *sorted(set("".join(NAMES)))]
WIDTH = 8


class CharacterModel:
    def __init__(self, Value, seed=0):
        rng = random.Random(seed)

        def matrix(rows, columns):
            return [[Value(rng.gauss(0.0, 0.2)) for _ in range(columns)] for _ in range(rows)]

        self.letters = matrix(len(LETTERS), WIDTH)
        self.places = matrix(16, WIDTH)
        self.query, self.key, self.value = matrix(WIDTH, WIDTH), matrix(WIDTH, WIDTH), matrix(WIDTH, WIDTH)
        self.expand, self.contract = matrix(4 * WIDTH, WIDTH), matrix(WIDTH, 4 * WIDTH)
        self.out = matrix(len(LETTERS), WIDTH)
        matrices = (self.letters, self.places, self.query, self.key, self.value, self.expand, self.contract, self.out)
        self.parameters = [p for m in matrices for row in m for p in row]

    def loss(self, name):
        tokens = [LETTERS.index(letter) for letter in f".{name}."]
        keys, values, losses = [], [], []
        for place, (token, following) in enumerate(itertools.pairwise(tokens)):
            x = normalised([a + b for a, b in zip(self.letters[token], self.places[place], strict=True)])
            keys.append(linear(self.key, x))
            values.append(linear(self.value, x))
            query = linear(self.query, x)
            weights = softmax([product(query, key) / WIDTH**0.5 for key in keys])
            attended = [sum(w * v[i] for w, v in zip(weights, values, strict=True)) for i in range(WIDTH)]
            x = [a + b for a, b in zip(x, attended, strict=True)]
            hidden = [h.relu() for h in linear(self.expand, normalised(x))]
            x = [a + b for a, b in zip(x, linear(self.contract, hidden), strict=True)]
            losses.append(-softmax(linear(self.out, x))[following].log())
        return sum(losses) / len(losses)


def train(Value, steps, learning_rate=0.1, seed=0):
    """Plain gradient descent, one name a step; returns the losses."""
    model, losses = CharacterModel(Value, seed), []
    for step in range(steps):
        loss = model.loss(NAMES[step % len(NAMES)])
        loss.backward()
        for parameter in model.parameters:
            parameter.data -= learning_rate * parameter.grad
            parameter.grad = 0
        losses.append(loss.data)
    return losses


def product(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


def linear(matrix, x):
    return [product(row, x) for row in matrix]


def softmax(logits):
    largest = max(logit.data for logit in logits)
    exps = [(logit - largest).exp() for logit in logits]
    total = sum(exps)
    return [e / total for e in exps]


def normalised(x):
    """Divide by the root mean square."""
    scale = (sum(a * a for a in x) / len(x) + 1e-5) ** -0.5
    return [a * scale for a in x]
