/** All that is loaded while sshd loads its libraries: the stages that make its config. One door, one load. */
export { boot } from "./boot.ts";
