//! The program's first instructions: where the kernel, or the loader, jumps to (see `build.rs`).
//!
//! What runs containers is this program by way of a read-only mount (`own_binary.rs`), so it starts
//! twice. Each time the C library asks the processor what it can do, and Rust prepares for `main`: a
//! twentieth of all that `run` takes, for a process that only becomes another. So the same is done
//! here, before the C library's `_start`, by system calls alone. Nothing of a library can be used: in a
//! static program there is no thread-local storage yet, and not even memcpy(3), of which the C library
//! chooses one as it starts.
//!
//! No error is told. The program goes on at `_start`, and `own_binary::protect` sees that something is
//! left to do. See execve(2), ld(1), and "Process Initialization" in the psABI of x86-64.

use std::{
    arch::{asm, naked_asm},
    ffi::CStr,
};

/// On the stack is what execve(2) was given: the count of arguments, the arguments, 0, the environment,
/// 0. `_start` has to find that, and `rdx`, as they are.
#[unsafe(naked)]
#[unsafe(no_mangle)]
extern "C" fn early_start() -> ! {
    naked_asm!(
        "mov rbx, rdx",
        "mov rdi, rsp",
        "call {become_read_only}",
        "mov rdx, rbx",
        "jmp _start",
        become_read_only = sym become_read_only,
    )
}

/// Executes the program again if it begins processes of containers and anybody could write to it.
/// Returns if there is no need, or no way.
extern "C" fn become_read_only(stack: *const *const u8) {
    // SAFETY: the kernel has put as many arguments and a null pointer on the stack as the first word
    // says, and the environment after them.
    let (args, count) = unsafe { (stack.add(1), stack.read().addr()) };
    // SAFETY: as above.
    let (begins, env) = unsafe { (begins(args), args.add(count + 1)) };
    if !begins || call(libc::SYS_access, [address(SELF), libc::W_OK as usize, 0, 0, 0]) != 0 {
        return; // EROFS says that this is the program by way of the read-only mount
    }
    let flags = (libc::OPEN_TREE_CLONE | libc::OPEN_TREE_CLOEXEC) as usize;
    let mount = call(libc::SYS_open_tree, [HERE, address(SELF), flags, 0, 0]);
    if mount < 0 {
        return; // one who may not make mounts
    }
    let (fd, it) = (mount.cast_unsigned(), libc::AT_EMPTY_PATH as usize);
    let attr = libc::mount_attr {
        attr_set: libc::MOUNT_ATTR_RDONLY,
        attr_clr: 0,
        propagation: 0,
        userns_fd: 0,
    };
    let (attr, size) = ((&raw const attr).addr(), size_of_val(&attr));
    if call(libc::SYS_mount_setattr, [fd, address(c""), it, attr, size]) == 0 {
        call(libc::SYS_execveat, [fd, address(c""), args.addr(), env.addr(), it]);
    }
    call(libc::SYS_close, [fd, 0, 0, 0, 0]);
}

const SELF: &CStr = c"/proc/self/exe";
const HERE: usize = libc::AT_FDCWD.cast_unsigned() as usize;

/// Whether any argument is a verb that begins processes. It may also be the value of a flag: then the
/// program starts twice without need.
///
/// # Safety
/// `args` are pointers to strings that end with 0; the last of them is null.
unsafe fn begins(args: *const *const u8) -> bool {
    let is = |word: *const u8, verb: &CStr| {
        let verb = verb.to_bytes_with_nul();
        // SAFETY: a byte is read only if those before it were not the last.
        (0..verb.len()).all(|at| unsafe { word.add(at).read() } == verb[at])
    };
    // SAFETY: none is read after the null pointer.
    let words = (0..).map(|at| unsafe { args.add(at).read() });
    let mut words = words.take_while(|word| !word.is_null());
    words.any(|word| is(word, c"run") || is(word, c"create") || is(word, c"exec"))
}

fn address(text: &CStr) -> usize {
    text.as_ptr().addr()
}

/// A system call, without the C library and its `errno`: below 0 it is an error's number. See
/// syscall(2).
fn call(number: i64, [a, b, c, d, e]: [usize; 5]) -> isize {
    let result;
    // SAFETY: those above pass pointers that are good, and no call of theirs changes memory that Rust
    // does not know of.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number as isize => result,
            in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d, in("r8") e,
            lateout("rcx") _, lateout("r11") _,
        );
    }
    result
}
