/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* sandbox.c - the list of system calls that a controller with its devices needs, and no more. */
#include "config.h"
#include "vmm-glue/daemon/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include "vmm-glue/daemon/devices.h"

#ifdef HAVE_SECCOMP
#include <seccomp.h>

static const int allowed[] = {
	/* what every turn of the loop does */
	SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(readv), SCMP_SYS(writev), SCMP_SYS(pread64), SCMP_SYS(pwrite64),
	SCMP_SYS(preadv), SCMP_SYS(pwritev), SCMP_SYS(lseek), SCMP_SYS(close), SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_ctl), SCMP_SYS(timerfd_settime), SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_nanosleep), SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(poll), SCMP_SYS(ppoll),
	/* images */
	SCMP_SYS(fsync), SCMP_SYS(fdatasync), SCMP_SYS(sync_file_range), SCMP_SYS(fallocate), SCMP_SYS(ftruncate),
	SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(statx), SCMP_SYS(stat), SCMP_SYS(fstatfs),
	SCMP_SYS(fadvise64), SCMP_SYS(flock), SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(access),
	SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(unlink), SCMP_SYS(unlinkat),
	/* the VMM, the control socket, usbredir and QMP */
	SCMP_SYS(socket), SCMP_SYS(connect), SCMP_SYS(accept), SCMP_SYS(accept4), SCMP_SYS(recvmsg),
	SCMP_SYS(sendmsg), SCMP_SYS(recvfrom), SCMP_SYS(sendto), SCMP_SYS(sendmmsg), SCMP_SYS(recvmmsg),
	SCMP_SYS(getsockopt), SCMP_SYS(setsockopt), SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(shutdown),
	SCMP_SYS(bind), SCMP_SYS(fcntl), SCMP_SYS(eventfd2), SCMP_SYS(pipe2), SCMP_SYS(uname),
	/* memory and threads: names are looked up on one */
	SCMP_SYS(mmap), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(mprotect), SCMP_SYS(brk),
	SCMP_SYS(futex), SCMP_SYS(clone), SCMP_SYS(clone3), SCMP_SYS(set_robust_list), SCMP_SYS(rseq),
	SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity), SCMP_SYS(getrandom), SCMP_SYS(gettid), SCMP_SYS(getpid),
	SCMP_SYS(geteuid), SCMP_SYS(getuid), SCMP_SYS(prlimit64), SCMP_SYS(membarrier),
	/* signals and the end */
	SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack),
	SCMP_SYS(restart_syscall), SCMP_SYS(tgkill), SCMP_SYS(exit), SCMP_SYS(exit_group),
};

static int enter(void)
{
	/* a call that is not on the list fails as if there were no permission: libraries ask for more than they need */
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int result = filter ? 0 : -ENOMEM;

	for (size_t i = 0; !result && i < sizeof allowed / sizeof *allowed; i++)
		result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
	/* files are opened for reading only; what is to be written was opened before, or came along */
	if (!result)
		result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
				SCMP_A2(SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY));
	/* ioctl: how many bytes wait, and the size of a block device */
	for (int i = 0; !result && i < 6; i++) {
		static const scmp_datum_t requests[] = { 0x541b, 0x5411, 0x5421, 0x80081272, 0x1268, 0x5401 };

		result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
				SCMP_A1(SCMP_CMP_EQ, requests[i]));
	}
	if (!result)
		result = seccomp_load(filter);
	if (filter)
		seccomp_release(filter);
	return result;
}

const char *clove_sandbox_kind(void)
{
	return "seccomp";
}
#else
static int enter(void)
{
	return 0;
}

const char *clove_sandbox_kind(void)
{
	return "no seccomp in this build";
}
#endif

bool clove_sandbox_enter(char **error)
{
	int result;

	*error = NULL;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
		clove_explain(error, "the sandbox cannot be entered: %s", strerror(errno));
		return false;
	}
	result = enter();
	if (result)
		clove_explain(error, "the sandbox's filter of system calls was refused: %s (--sandbox off runs without)",
				strerror(-result));
	return !result;
}
