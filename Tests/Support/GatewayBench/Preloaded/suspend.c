// Preloaded into the gateway under valgrind 3.19 and older, which writes into the mask that sigsuspend is given: that of libdispatch, on
// whose main thread a program in Swift waits, cannot be written, and valgrind would crash. This one gives it a copy.
#define _GNU_SOURCE
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

int sigsuspend(const sigset_t *mask) {
    // The kernel's masks have a bit for each of 64 signals.
    unsigned long own = *(const unsigned long *)mask;
    return (int)syscall(SYS_rt_sigsuspend, &own, sizeof own);
}
