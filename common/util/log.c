/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* log.c - where log lines go, and which the environment asks for. */
#include "common/util/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LIMIT_LINES = 10, LIMIT_MS = 5000 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static enum clove_log_level current = CLOVE_LOG_WARN;
static clove_log_sink_fn sink_fn;
static void *sink_opaque;
static char trace_names[256];
static bool trace_secrets;

static const char *const level_names[] = { "error", "warn", "info", "debug", "trace" };

static void read_environment(void)
{
	const char *level = getenv("CLOVE_LOG"), *trace = getenv("CLOVE_TRACE");
	const char *secrets = getenv("CLOVE_TRACE_SECRETS");

	for (int i = CLOVE_LOG_ERROR; level && i <= CLOVE_LOG_TRACE; i++)
		if (!strcmp(level, level_names[i]))
			__atomic_store_n(&current, (enum clove_log_level)i, __ATOMIC_RELAXED);
	if (trace)
		snprintf(trace_names, sizeof trace_names, ",%s,", trace);
	trace_secrets = secrets && !strcmp(secrets, "1");
}

bool clove_log_enabled(enum clove_log_level level)
{
	pthread_once(&once, read_environment);
	return level <= __atomic_load_n(&current, __ATOMIC_RELAXED);
}

void clove_log_set_level(enum clove_log_level level)
{
	pthread_once(&once, read_environment);
	__atomic_store_n(&current, level, __ATOMIC_RELAXED);
}

void clove_log_set_sink(clove_log_sink_fn sink, void *opaque)
{
	pthread_mutex_lock(&lock);
	sink_fn = sink;
	sink_opaque = opaque;
	pthread_mutex_unlock(&lock);
}

void clove_log_write(enum clove_log_level level, const char *domain, const char *format, ...)
{
	char line[1024];
	int n = snprintf(line, sizeof line, "clove %s: %s: ", level_names[level], domain);
	va_list args;

	va_start(args, format);
	vsnprintf(line + n, sizeof line - (size_t)n, format, args);
	va_end(args);
	for (char *p = line; *p; p++)    /* a peer's text must not forge lines or colours */
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';

	pthread_mutex_lock(&lock);
	if (sink_fn)
		sink_fn(sink_opaque, level, line);
	else
		fprintf(stderr, "%s\n", line);
	pthread_mutex_unlock(&lock);
}

bool clove_log_may(struct clove_log_limit *limit, const char *domain)
{
	struct timespec t;
	unsigned int dropped = 0;
	bool may;

	clock_gettime(CLOCK_MONOTONIC, &t);
	long long now = (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;

	pthread_mutex_lock(&lock);
	if (now - limit->since_ms >= LIMIT_MS || !limit->since_ms) {
		dropped = limit->dropped;
		*limit = (struct clove_log_limit){ .since_ms = now };
	}
	may = limit->count < LIMIT_LINES;
	if (may)
		limit->count++;
	else
		limit->dropped++;
	pthread_mutex_unlock(&lock);

	if (dropped)
		clove_log_write(CLOVE_LOG_WARN, domain, "%u similar lines left out", dropped);
	return may;
}

bool clove_trace_enabled(const char *domain)
{
	char wanted[64];

	pthread_once(&once, read_environment);
	if (!trace_names[0])
		return false;
	if (strstr(trace_names, ",all,"))
		return true;
	snprintf(wanted, sizeof wanted, ",%s,", domain);
	return strstr(trace_names, wanted);
}

bool clove_trace_secrets(void)
{
	pthread_once(&once, read_environment);
	return trace_secrets;
}
