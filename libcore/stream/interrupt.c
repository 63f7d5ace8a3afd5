/* interrupt.c - removes temporary files when a signal ends the program, and names the
 * plugin when one crashes.
 *
 * State is at file scope because a signal handler cannot reach any other. The handlers
 * call only async-signal-safe functions (POSIX). */
#include "interrupt-private.h"

#include "io.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#define MOST_TEMPORARIES 16

/* cnn_interrupt_catch() catches the first PATIENT_COUNT. */
static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGXCPU };
#define PATIENT_COUNT 3
#define SIGNAL_COUNT (sizeof signals / sizeof *signals)

static const char *_Atomic temporaries[MOST_TEMPORARIES];
static atomic_int catching, caught;
/* A pipe to which the handler writes when it catches a signal, to wake
 * cnn_interrupt_wait(). Open from the first cnn_interrupt_catch() on. */
static int wake[2] = { -1, -1 };
/* Between cnn_interrupt_catch() and cnn_interrupt_release(). */
static atomic_int patient;
static atomic_bool refused; /* cnn_interrupt_wait() returned false */

static void unlink_temporaries(void)
{
	for (int i = 0; i < MOST_TEMPORARIES; i++) {
		const char *path = atomic_load(&temporaries[i]);

		if (path)
			unlink(path);
	}
}

static void on_signal(int number)
{
	const int saved = errno;

	for (size_t i = 0; i < PATIENT_COUNT; i++)
		if (number == signals[i] && atomic_exchange(&catching, 0)) {
			atomic_store(&caught, number);
			/* A failure only means that a blocked read goes on waiting. */
			if (write(wake[1], "", 1) < 0)
				errno = saved;
			return;
		}
	unlink_temporaries();
	/* Delivered again when the handler returns; the default action then ends the
	 * program. */
	signal(number, SIG_DFL);
	raise(number);
}

/* Leaves ignored signals alone, as under nohup. */
static void install(void)
{
	const struct sigaction ours = { .sa_handler = on_signal,
		.sa_flags = SA_RESTART };
	struct sigaction old;

	for (size_t i = 0; i < SIGNAL_COUNT; i++)
		if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler == SIG_DFL)
			sigaction(signals[i], &ours, NULL);
}

void cnn_signals_block(sigset_t *old)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < SIGNAL_COUNT; i++)
		sigaddset(&set, signals[i]);
	pthread_sigmask(SIG_BLOCK, &set, old);
}

bool cnn_temporary_add(const char *path)
{
	install();
	for (int i = 0; i < MOST_TEMPORARIES; i++) {
		const char *none = NULL;

		if (atomic_compare_exchange_strong(&temporaries[i], &none, path))
			return true;
	}
	return false;
}

void cnn_temporary_remove(const char *path)
{
	for (int i = 0; i < MOST_TEMPORARIES; i++) {
		const char *is = path;

		if (atomic_compare_exchange_strong(&temporaries[i], &is, NULL))
			return;
	}
}

void cnn_interrupt_catch(void)
{
	if (wake[0] < 0 && pipe2(wake, O_CLOEXEC | O_NONBLOCK) < 0)
		wake[0] = wake[1] = -1;
	install();
	atomic_store(&patient, 1);
	atomic_store(&catching, 1);
}

void cnn_interrupt_release(void)
{
	atomic_store(&catching, 0);
	atomic_store(&patient, 0);
}

bool cnn_interrupt_wait(int fd)
{
	struct pollfd files[] = { { fd, POLLIN, 0 }, { wake[0], POLLIN, 0 } };

	if (!atomic_load(&patient))
		return true;
	/* A signal that comes before poll() wakes it too, whichever thread it is
	 * delivered to: it leaves a byte in the pipe. */
	while (!atomic_load(&caught) && poll(files, 2, -1) < 0 && errno == EINTR)
		continue;
	if (atomic_load(&caught))
		atomic_store(&refused, true);
	return !atomic_load(&caught);
}

bool cnn_interrupted_reading(void)
{
	return atomic_load(&refused);
}

int cnn_interrupted(void)
{
	return atomic_load(&caught);
}

void cnn_interrupt_exit(void)
{
	int number = atomic_load(&caught);

	cnn_interrupt_release();
	if (number)
		raise(number);
}

/* --- crashes ---------------------------------------------------------------------- */

/* Not SIGSYS: a sandbox may use it to emulate system calls. */
static const int crashes[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP };
#define CRASH_COUNT (sizeof crashes / sizeof *crashes)

static struct sigaction before[CRASH_COUNT];
static const char *_Atomic loading;

static void say(const char *text)
{
	if (write(STDERR_FILENO, text, strlen(text)) < 0)
		return; /* the failure cannot be reported */
}

static void on_crash(int number)
{
	say(program_invocation_short_name);
	say(": ");
	say(atomic_load(&loading));
	say(": crashed while being loaded\n");
	unlink_temporaries();
	raise(number); /* default action on return (SA_RESETHAND) */
}

void cnn_crash_begin(const char *path)
{
	const struct sigaction ours = { .sa_handler = on_crash,
		.sa_flags = SA_RESETHAND };

	atomic_store(&loading, path);
	for (size_t i = 0; i < CRASH_COUNT; i++)
		sigaction(crashes[i], &ours, &before[i]);
}

void cnn_crash_end(void)
{
	for (size_t i = 0; i < CRASH_COUNT; i++)
		sigaction(crashes[i], &before[i], NULL);
}
