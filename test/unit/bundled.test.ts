/** What we say is inside our executables is what the bundler put there, at the lockfile's versions. */
import { expect, test } from "vitest";
import { parseInputs } from "../../scripts/build.ts";
import { bundledPackages } from "../../scripts/bundled.ts";
import { renderSbom } from "../../scripts/sbom.ts";

const lockfile = JSON.stringify({
  packages: {
    "node_modules/a": { version: "1.0.0" },
    "node_modules/@s/b": { version: "2.0.0" },
    "node_modules/a/node_modules/@s/b": { version: "3.0.0" },
    "node_modules/unused": { version: "4.0.0" },
  },
});

test("a file that left no bytes in the bundle does not count", () => {
  const outputs = {
    "x.cjs": { inputs: { "src/main.ts": { bytesInOutput: 5 }, "src/types.ts": { bytesInOutput: 0 } } },
  };
  expect(parseInputs(JSON.stringify({ outputs }))).toEqual(["src/main.ts"]);
});

test("packages are those of bundled files, scoped and nested ones too, each once", () => {
  const inputs = [
    "src/main.ts",
    "node_modules/a/index.js",
    "node_modules/a/lib/b.js",
    "node_modules/@s/b/index.js",
    "node_modules/a/node_modules/@s/b/index.js",
  ];
  expect(bundledPackages(inputs, lockfile).map(({ name, version }) => `${name}@${version}`)).toEqual([
    "@s/b@2.0.0",
    "a@1.0.0",
    "@s/b@3.0.0",
  ]);
});

test("a bundled file of a package that the lockfile does not have stops the build", () => {
  expect(() => bundledPackages(["node_modules/gone/index.js"], lockfile)).toThrow("node_modules/gone");
});

const component = (ref: string) => ({ "bom-ref": ref, name: ref, scope: "optional", properties: [{ name: "dev" }] });
const whole = {
  serialNumber: "urn:uuid:1",
  metadata: { timestamp: "2026-01-01T00:00:00Z", component: component("withssh@0.1.0") },
  components: ["a@1.0.0", "@s/b@2.0.0", "unused@4.0.0"].map(component),
  dependencies: [
    { ref: "withssh@0.1.0", dependsOn: ["a@1.0.0", "unused@4.0.0"] },
    { ref: "a@1.0.0", dependsOn: ["@s/b@2.0.0", "unused@4.0.0"] },
    { ref: "unused@4.0.0", dependsOn: [] },
  ],
};
const a = { name: "a", version: "1.0.0", dir: "node_modules/a" };

test("the list of what is inside names nothing else, no time, no serial number, no directory's name", () => {
  const sbom = JSON.parse(renderSbom(whole, "withssh", [a, { ...a, name: "@s/b", version: "2.0.0" }]));
  expect(sbom).toEqual({
    metadata: {
      component: {
        "bom-ref": "withssh@0.1.0",
        name: "withssh",
        type: "application",
        scope: "optional",
        properties: [],
      },
    },
    components: [
      { "bom-ref": "a@1.0.0", name: "a@1.0.0", scope: "required", properties: [] },
      { "bom-ref": "@s/b@2.0.0", name: "@s/b@2.0.0", scope: "required", properties: [] },
    ],
    dependencies: [
      { ref: "withssh@0.1.0", dependsOn: ["a@1.0.0", "@s/b@2.0.0"] },
      { ref: "a@1.0.0", dependsOn: ["@s/b@2.0.0"] },
    ],
  });
});

test("a package inside that npm does not know stops the build", () => {
  expect(() => renderSbom(whole, "withssh", [{ ...a, version: "9.9.9" }])).toThrow("a@9.9.9");
});
