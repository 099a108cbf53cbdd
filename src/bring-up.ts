/** All that is loaded while sshd loads its libraries: the stages that make its config. One door, one load. */
export { AWAIT_URL_KEYS, lacksKeys } from "./authorized-key-stages.ts";
export { boot } from "./boot.ts";
