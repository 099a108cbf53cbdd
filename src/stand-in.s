# What one process does with its memory when it leaves that to another and waits to be told how to end: the child of the clone
# returns to its caller. The parent must not touch memory that the child goes on with, its stack least of all. x86-64.
# The bytes of this are in stand-in.ts (test/unit/stand-in.test.ts: as, objcopy).
#
# rdi: words of 8 bytes
#   0 to 87 as in shared-memory.ts
#  88 the pipe to wait at    96 its other end, to close    104 exit code when nobody tells one    112 room for what is told:
#     the exit code, and a second byte where the child's end is to be waited for first
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

    # No handler of the runtime's may run here any more. What is ignored stays so.
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

    mov rdi, [r9+96]
    mov eax, 3              # close
    syscall
wait:
    mov rdi, [r9+88]
    lea rsi, [r9+112]
    mov edx, 2
    xor eax, eax            # read
    syscall
    cmp rax, -4             # EINTR
    je wait
    mov rdi, [r9+104]
    cmp rax, 1
    jl end
    je told
reap:
    mov rdi, -1             # the one child
    xor esi, esi
    xor edx, edx
    xor r10d, r10d
    mov eax, 61             # wait4
    syscall
    cmp rax, -4             # EINTR
    je reap
told:
    movzx edi, byte ptr [r9+112]
end:
    mov eax, 231            # exit_group
    syscall
    hlt
done:
    ret
