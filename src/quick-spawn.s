# A child that makes some system calls and becomes a program, as posix_spawn(3) makes one: clone(2) with CLONE_VM and CLONE_VFORK,
# so that nothing is copied and the caller waits until the memory is its own again. The child has the caller's stack and must not
# touch it. x86-64. The bytes of this are in quick-spawn.ts (test/unit/quick-spawn.test.ts: as, objcopy).
#
# rdi: words of 8 bytes
#   0 flags of clone       8 the errno below 0 of the call that failed
#  16 an action that is the default, 32 bytes
#  48 calls: a number and four arguments each, of which the last does not return
# Gives the child's pid, or an errno below 0 where there is none. Keeps what a C function keeps (System V ABI).

    .intel_syntax noprefix
    mov r9, rdi
    mov rdi, [r9]
    xor esi, esi
    xor edx, edx
    xor r10d, r10d
    xor r8d, r8d
    mov eax, 56             # clone
    syscall
    test rax, rax
    jnz done

    # Every signal is at its default, those too that a C library keeps for itself. Two cannot be set: they are.
    mov r8d, 64
each:
    mov rdi, r8
    lea rsi, [r9+16]
    xor edx, edx
    mov r10d, 8
    mov eax, 13             # rt_sigaction
    syscall
    dec r8d
    jnz each

    lea r8, [r9+48]
next:
    mov rax, [r8]
    mov rdi, [r8+8]
    mov rsi, [r8+16]
    mov rdx, [r8+24]
    mov r10, [r8+32]
    add r8, 40
    syscall
    test rax, rax
    jns next
    mov [r9+8], rax
    mov edi, 127
    mov eax, 231            # exit_group
    syscall
    hlt
done:
    ret
