# What one process does with its memory when it leaves that to another and becomes a program: the child of the clone returns to
# its caller. The parent must not touch memory that the child goes on with, its stack least of all: all that it does from there
# on are these system calls, out of registers. x86-64.
# The bytes of this are in hand-over.ts (test/unit/hand-over.test.ts: as, objcopy).
#
# rdi: words of 8 bytes
#   0 to 87 as in shared-memory.ts
#  88 paths to execute, 0 at their end    96 argv    104 environment
# 112 path if none can be executed       120 its argv
# Gives 0 in the child, and an errno below 0 where there is none. Keeps what a C function keeps (System V ABI).

    .intel_syntax noprefix
    mov r9, rdi
    mov rdi, [r9]
    xor esi, esi
    xor edx, edx
    mov r10, [r9+8]
    xor r8d, r8d
    mov eax, 56             # clone
    syscall
    test rax, rax
    jle done

    # No handler of the runtime's may run here any more, as none does after an exec. What is ignored stays so.
    mov r8d, 64
each:
    mov rdi, r8
    xor esi, esi
    lea rdx, [r9+56]
    mov r10d, 8
    mov eax, 13             # rt_sigaction: what is it?
    syscall
    test eax, eax
    jnz next
    cmp qword ptr [r9+56], 1
    jbe next                # SIG_DFL, SIG_IGN
    mov rdi, r8
    lea rsi, [r9+24]
    xor edx, edx
    mov eax, 13             # rt_sigaction: the default
    syscall
next:
    dec r8d
    jnz each

    mov edi, 2              # SIG_SETMASK
    lea rsi, [r9+16]
    xor edx, edx
    mov r10d, 8
    mov eax, 14             # rt_sigprocmask
    syscall

    mov r8, [r9+88]
try:
    mov rdi, [r8]
    test rdi, rdi
    jz again
    mov rsi, [r9+96]
    mov rdx, [r9+104]
    mov eax, 59             # execve
    syscall
    add r8, 8
    cmp eax, -2             # ENOENT
    je try
again:
    mov rdi, [r9+112]
    mov rsi, [r9+120]
    mov rdx, [r9+104]
    mov eax, 59             # execve
    syscall
    mov edi, 126
    mov eax, 231            # exit_group
    syscall
    hlt
done:
    ret
