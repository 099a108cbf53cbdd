/**
 * dist/withssh.cdx.json: what is inside the executables, as npm's own CycloneDX list cut down to that. Says the same for
 * the same lockfile and bundle: no time, no serial number, no name of a directory. Never lists what only builds or tests.
 */
import type { BundledPackage } from "./bundled.ts";
import { ROOT } from "./places.ts";
import { $ } from "./shell.ts";

/** What we touch of CycloneDX 1.5 JSON; all else is passed on as npm wrote it. */
interface Sbom {
  readonly serialNumber?: string;
  readonly metadata: { readonly timestamp?: string; readonly component: Component; readonly [more: string]: unknown };
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn?: readonly string[] }[];
  readonly [more: string]: unknown;
}
interface Component {
  readonly "bom-ref": string;
  readonly name: string;
  readonly [more: string]: unknown;
}

/** Asks npm, which knows the lockfile, and touches neither the registry nor node_modules. */
export async function readNpmSbom(): Promise<Sbom> {
  const { stdout } = await $({ cwd: ROOT })`npm sbom --silent --package-lock-only --sbom-format=cyclonedx`;
  return JSON.parse(stdout) as Sbom;
}

/**
 * @param whole npm's list of everything in the lockfile
 * @param inside the packages to keep
 * @throws Error when one of them is not in npm's list
 */
export function renderSbom(whole: Sbom, name: string, inside: readonly BundledPackage[]): string {
  const refs = inside.map((one) => `${one.name}@${one.version}`);
  const components = refs.map((ref) => {
    const found = whole.components.find((component) => component["bom-ref"] === ref);
    if (found === undefined) throw new Error(`npm sbom does not know ${ref}`);
    return { ...found, scope: "required", properties: [] };
  });
  const { serialNumber: _serial, ...rest } = whole;
  const { timestamp: _time, ...metadata } = whole.metadata;
  const self = { ...metadata.component, name, type: "application", properties: [] };
  const links = whole.dependencies.filter(({ ref }) => refs.includes(ref));
  const sbom = {
    ...rest,
    metadata: { ...metadata, component: self },
    components,
    dependencies: [
      { ref: self["bom-ref"], dependsOn: refs },
      ...links.map(({ ref, dependsOn = [] }) => ({ ref, dependsOn: dependsOn.filter((one) => refs.includes(one)) })),
    ],
  };
  return `${JSON.stringify(sbom, undefined, 2)}\n`;
}
