/**
 * What must be there before anything of ours can run, told in our words and by Node alone: without this a forgotten
 * `npm ci` is "sh: bun: not found". Any Node must be able to read this file: CommonJS, and the JavaScript of 2015.
 */
// biome-ignore lint/style/useNodejsImportProtocol: Node before 14.18 knows no "node:" names
const fs = require("fs");
// biome-ignore lint/style/useNodejsImportProtocol: as above
const path = require("path");

/** Where npm did not run its install script, the runtime is a text of some hundred bytes. */
const LEAST_BUN_BYTES = 1e6;

/**
 * @param facts `node` is Node's version, `leastNode` the lowest major one that package.json allows, `bunBytes` the size of
 *   the installed runtime, undefined where there is none
 * @returns what — saw — hint; undefined where all is well
 */
function findProblem(facts) {
  if (Number.parseInt(facts.node, 10) < facts.leastNode) {
    return `Node is too old — saw ${facts.node} — hint: install Node ${facts.leastNode} or newer, then: npm ci && npm start`;
  }
  if (facts.bunBytes === undefined) {
    return "the packages are not installed — saw no node_modules/.bin/bun — hint: npm ci && npm start";
  }
  if (facts.bunBytes < LEAST_BUN_BYTES) {
    return "bun is not installed — saw a stub: npm ran no install scripts — hint: npm ci --ignore-scripts=false && npm start";
  }
  return undefined;
}

function sizeOf(file) {
  try {
    return fs.statSync(file).size;
  } catch (_) {
    return undefined;
  }
}

module.exports = { findProblem };

if (require.main === module) {
  const root = path.join(__dirname, "..");
  const { engines } = JSON.parse(fs.readFileSync(path.join(root, "package.json"), "utf8"));
  const problem = findProblem({
    node: process.versions.node,
    leastNode: Number(/\d+/.exec(engines.node)[0]),
    bunBytes: sizeOf(path.join(root, "node_modules/.bin/bun")),
  });
  if (problem !== undefined) {
    console.error(problem);
    process.exitCode = 1;
  }
}
