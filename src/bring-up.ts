/** All that is loaded while sshd loads: the stages that make its config, and the steady state. One door, one load. */
export { AWAIT_URL_KEYS, lacksKeys } from "./authorized-key-stages.ts";
export { boot } from "./boot.ts";
export { Supervisor } from "./supervisor.ts";
