/* SPDX-License-Identifier: MIT
 *
 * aborts.h - for tests of what ends the process: runs it in a process of its own and keeps what it said.
 */
#ifndef RW_TEST_ABORTS_H
#define RW_TEST_ABORTS_H

#include <signal.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

static char said[512];

/* Runs `act` in a process of its own. True when that was aborted; what it said is in `said`. */
static bool aborts(void (*act)(void))
{
    int fds[2];
    int status = 0;
    ssize_t size;

    if (pipe(fds) != 0) {
        return false;
    }
    fflush(stdout);
    pid_t child = fork();

    if (child == 0) {
        dup2(fds[1], 2);
        act();
        _exit(0);
    }
    close(fds[1]);
    size = read(fds[0], said, sizeof said - 1);
    said[size > 0 ? size : 0] = '\0';
    close(fds[0]);
    return waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

#endif
