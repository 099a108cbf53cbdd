/**
 * The processor that this runs on. Asked for at run time: the compiler writes that of the machine that it runs on itself in the
 * place of `process.arch`, and an executable for arm64 that was made on x86-64 would make the wrong system calls.
 */
export const ARCHITECTURE = Reflect.get(process, "arch") as NodeJS.Architecture;
