/** argv[1] of the processes that we start ourselves: internal, and no flags of the command line. */

/** The supervisor of the root and rootless modes. */
export const SUPERVISOR_ROLE = "--supervisor";
/** The process that becomes the app under `WITHSSH_INIT`. */
export const BECOME_ROLE = "--become";
/** The launcher once more, where the app could not be executed at once (hand-over.ts): it tells why, or finds what runs it. */
export const AGAIN_ROLE = "--again";
/** Our own call through sudo: exactly this one argument, which is what the sudo rule of our Dockerfiles names. */
export const SUDO_ROLE = "--supervise";
