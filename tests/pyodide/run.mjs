// Run pytest in Pyodide: node run.mjs PYODIDE SITE_PACKAGES PROJECT CACHE "numpy pandas" ARGUMENTS-OF-PYTEST…
import { pathToFileURL } from "node:url";

const [pyodide, site, project, cache, packages, ...args] = process.argv.slice(2);
const { loadPyodide } = await import(pathToFileURL(`${pyodide}/pyodide.mjs`));
const python = await loadPyodide({ packageCacheDir: cache, env: { HOME: "/home/pyodide", PYTHONDONTWRITEBYTECODE: "1" } });
for (const [place, root] of [["/site", site], ["/project", project]]) {
  python.FS.mkdirTree(place);
  python.FS.mount(python.FS.filesystems.NODEFS, { root }, place);
}
if (packages) await python.loadPackage(packages.split(" "), { messageCallback: () => {} });
python.globals.set("arguments", python.toPy(args));
let exitCode = 1;
try {
  exitCode = python.runPython(`
    import os, sys

    sys.path.insert(0, "/site")
    os.chdir("/project")
    import pytest

    int(pytest.main(list(arguments)))
  `);
} catch (error) { // its stack trace would be a minified line of a megabyte
  console.error(error.message);
}
process.exit(exitCode);
