/**
 * Where the rights come from (README, "Where the rights come from"), decided before anything is started. Pure. Never gives a
 * pinned mode up for another one in silence.
 */
import type { Config } from "./config.ts";
import { StageError } from "./errors.ts";
import { settings } from "./settings.ts";

/** How the supervisor of a start got its rights. */
export type Mode = "root" | "sudo" | "rootless";

/** `sudo-then-rootless`: nobody pinned sudo, so what it lacks is told and rootless serves. */
export type ModeChoice = Mode | "sudo-then-rootless";

/** The mode to try for these settings and this effective uid. Throws `StageError` where a pinned one is not to be had. */
export function pickMode({ privilege }: Pick<Config, "privilege">, { euid }: { readonly euid: number }): ModeChoice {
  const isRoot = euid === 0;
  switch (privilege) {
    case "auto":
      return isRoot ? "root" : "sudo-then-rootless";
    case "root":
      if (isRoot) return "root";
      throw notToBeHad("root", `the container starts as uid ${euid}`, "docker run --user root");
    case "sudo":
      if (!isRoot) return "sudo";
      throw notToBeHad("sudo", "the container starts as root already", "USER app in the Dockerfile");
    case "rootless":
      return "rootless";
  }
}

/** The refusal of a mode that the operator pinned. */
export function notToBeHad(mode: Mode, saw: string, hint: string): StageError {
  const { name } = settings.privilege;
  return new StageError("pickMode", {
    what: `${name}=${mode} is not to be had`,
    saw,
    hint: `${hint}; or leave ${name} out`,
  });
}
