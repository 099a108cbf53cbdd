/** What `npm start` says at its end: what it found by the login, what it made, and commands to copy. Pure. */
import type { Demo } from "./demo-login.ts";
import { quoteWord, WANTED_PORT } from "./demo-login.ts";

/**
 * @param said what the login printed: the app's argv with a NUL after each word, then a line each for the user and for
 *   the connection
 * @param options `isLeft` says whether the demo runs on: only then are there commands to copy
 */
export function renderDemo(demo: Demo, said: string, options: { readonly isLeft: boolean }): string {
  const [argv = "", user = "", connection = ""] = said.trim().split("\n");
  const found: [string, string][] = [
    [demo.app, argv.split("\0").filter(Boolean).map(quoteWord).join(" ")],
    ["you, by ssh", `${user} (from ${connection.split(" ")[0] ?? ""})`],
    ...demo.ready.host_keys.map(({ type, fingerprint }): [string, string] => ["host key", `${type} ${fingerprint}`]),
  ];
  const commands: [string, string][] = [
    ["log in", `ssh ${demo.login.map(quoteWord).join(" ")}`],
    ...(demo.status === undefined ? [] : [["its status", demo.status] satisfies [string, string]]),
    ["its log", demo.log],
    ["stop", "npm run demo:stop"],
  ];
  const port =
    demo.port === WANTED_PORT ? [] : [`port ${WANTED_PORT} is taken on this machine: this is on ${demo.port}`];
  return [
    "",
    ...rows(found),
    ...(options.isLeft ? ["", ...demo.made.map((line) => `made ${line}`), ...port, "", ...rows(commands)] : []),
  ].join("\n");
}

/** A name, and what it stands for, one below the other. */
function rows(pairs: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...pairs.map(([name]) => name.length));
  return pairs.map(([name, value]) => `${name.padEnd(width)}  ${value}`);
}
