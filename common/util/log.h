/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* log.h - log lines by level and domain, and the switch for traces of whole messages.
 *
 * CLOVE_LOG=error|warn|info|debug sets the level (default warn).
 * CLOVE_TRACE=display,inputs or CLOVE_TRACE=all prints whole messages of those channels.
 * CLOVE_TRACE_SECRETS=1 shows key codes, tickets and clipboard in them.
 */
#ifndef CLOVE_UTIL_LOG_H
#define CLOVE_UTIL_LOG_H

#include <stdbool.h>

enum clove_log_level {
	CLOVE_LOG_ERROR,
	CLOVE_LOG_WARN,
	CLOVE_LOG_INFO,
	CLOVE_LOG_DEBUG,
	CLOVE_LOG_TRACE,
};

/* One line an event, subject first: clove_log(WARN, "link", "%s: ticket expired", peer).
 * Lines go to standard error unless a sink is set. Safe from any thread. */
#define clove_log(level, domain, ...) \
	do { \
		if (clove_log_enabled(CLOVE_LOG_##level)) \
			clove_log_write(CLOVE_LOG_##level, (domain), __VA_ARGS__); \
	} while (0)

/* For lines that a peer or guest can provoke: at most ten in five seconds from this place,
 * then a count of those left out. */
#define clove_log_limited(level, domain, ...) \
	do { \
		static struct clove_log_limit clove_limit_; \
		if (clove_log_enabled(CLOVE_LOG_##level) && clove_log_may(&clove_limit_, (domain))) \
			clove_log_write(CLOVE_LOG_##level, (domain), __VA_ARGS__); \
	} while (0)

struct clove_log_limit {
	long long since_ms;
	unsigned int count, dropped;
};

bool clove_log_enabled(enum clove_log_level level);
bool clove_log_may(struct clove_log_limit *limit, const char *domain);
void clove_log_write(enum clove_log_level level, const char *domain, const char *format, ...)
		__attribute__((format(printf, 3, 4)));

/* True if CLOVE_TRACE names the domain ("display", "inputs", ... or "all"). */
bool clove_trace_enabled(const char *domain);
/* True if CLOVE_TRACE_SECRETS=1: traces may show key codes, tickets and clipboard. */
bool clove_trace_secrets(void);

typedef void (*clove_log_sink_fn)(void *opaque, enum clove_log_level level, const char *line);
void clove_log_set_sink(clove_log_sink_fn sink, void *opaque);
void clove_log_set_level(enum clove_log_level level);

#endif
