/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* display.c - what passes between a display channel's thread and its owner's. */
#include "client-gtk/display.h"

#include <stdlib.h>
#include <string.h>

enum {
	LETTERS_MOST = 16,        /* unread by the owner; then the channel rests */
	ANSWERS_APART_MS = 8,     /* twice as often as any screen shows it */
};

/* On the channel's thread. */
struct remote {
	struct clove_display *display;    /* the owner's: only its mailbox is used here */
	struct clove_display_thread *thread;
	struct clove_display_options options;
	struct clove_opened opened;       /* until it begins */
	struct clove_display_channel *channel;
	pixman_region32_t changed;        /* not yet told */
	bool is_marked;                   /* so */
	unsigned int letters;             /* that the owner has not answered */
	bool is_going;                    /* the channel rests until it has answered all */
};

/* On the owner's thread. */
struct clove_display {
	struct clove_display_thread *thread;
	struct clove_loop *loop;
	struct clove_mailbox *mailbox;
	struct remote *remote;            /* the channel's thread's: only handed on here */
	const struct clove_display_events *events;
	void *opaque;
	int32_t width, height;
	uint32_t *pixels;
	bool is_marked, is_asked;
	struct clove_display_counts counts;
	struct clove_timer *timer;        /* answers */
	unsigned int unanswered;
	uint64_t answered_ms;
};

#define TELL(display, event, ...) \
	do { \
		if ((display)->events->event) \
			(display)->events->event((display)->opaque, ##__VA_ARGS__); \
	} while (0)

/* -- on the channel's thread -- */

struct letter {
	struct clove_display_counts counts;
	int32_t width, height;            /* of a primary that came */
	enum clove_err err;               /* of an end */
	bool is_marked;
	pixman_region32_t changed;        /* and its pixels, box by box */
	uint32_t data[];
};

static struct letter *letter_new(struct remote *remote, size_t size)
{
	struct letter *letter = malloc(sizeof *letter + size);

	if (!letter)
		return NULL;
	memset(letter, 0, sizeof *letter);
	pixman_region32_init(&letter->changed);
	if (remote->channel)
		clove_display_channel_count(remote->channel, &letter->counts);
	return letter;
}

static void letter_free(struct letter *letter)
{
	if (letter)
		pixman_region32_fini(&letter->changed);
	free(letter);
}

static bool post(struct remote *remote, clove_letter_fn fn, struct letter *take_letter)
{
	if (!take_letter || !clove_mailbox_post(remote->display->mailbox, fn, take_letter)) {
		letter_free(take_letter);
		return false;
	}
	if (++remote->letters == LETTERS_MOST && remote->channel)
		clove_display_channel_hold(remote->channel, true);
	return true;
}

/* What the owner has to know, or its picture is wrong. */
static void post_or_close(struct remote *remote, clove_letter_fn fn, struct letter *take_letter)
{
	if (!post(remote, fn, take_letter) && remote->channel)
		clove_display_channel_close(remote->channel, CLOVE_ERR_NOMEM);
}

static void got_pixels(void *home, void *carried);
static void got_primary(void *home, void *carried);
static void lost_primary(void *home, void *carried);
static void got_monitors(void *home, void *carried);
static void got_end(void *home, void *carried);

static size_t pixels_in(const pixman_box32_t *boxes, int n)
{
	size_t pixels = 0;

	for (int i = 0; i < n; i++)
		pixels += (size_t)(boxes[i].x2 - boxes[i].x1) * (size_t)(boxes[i].y2 - boxes[i].y1);
	return pixels;
}

/* All that is to be told. Without memory it stays for the next time. */
static void send_pixels(struct remote *remote)
{
	struct clove_pixels picture;
	struct letter *letter;
	uint32_t *to;
	int n;
	const pixman_box32_t *boxes = pixman_region32_rectangles(&remote->changed, &n);

	if ((!n && !remote->is_marked) || !clove_display_channel_picture(remote->channel, &picture))
		return;
	letter = letter_new(remote, pixels_in(boxes, n) * sizeof *to);
	if (!letter || !pixman_region32_copy(&letter->changed, &remote->changed)) {
		letter_free(letter);
		return;
	}
	to = letter->data;
	for (int i = 0; i < n; i++) {
		size_t row = (size_t)(boxes[i].x2 - boxes[i].x1);

		for (int32_t y = boxes[i].y1; y < boxes[i].y2; y++, to += row)
			memcpy(to, clove_pixels_row(&picture, y) + (size_t)boxes[i].x1 * 4, row * 4);
	}
	letter->is_marked = remote->is_marked;
	if (!post(remote, got_pixels, letter))
		return;
	pixman_region32_clear(&remote->changed);
	remote->is_marked = false;
}

static void changed(void *opaque, const pixman_region32_t *region)
{
	struct remote *remote = opaque;

	pixman_region32_union(&remote->changed, &remote->changed, (pixman_region32_t *)(uintptr_t)region);
	if (!remote->letters)
		send_pixels(remote);
}

static void marked(void *opaque)
{
	struct remote *remote = opaque;

	remote->is_marked = true;
	if (!remote->letters)
		send_pixels(remote);
}

static void primary_came(void *opaque, int32_t width, int32_t height)
{
	struct remote *remote = opaque;
	struct letter *letter = letter_new(remote, 0);

	if (letter) {
		letter->width = width;
		letter->height = height;
	}
	post_or_close(remote, got_primary, letter);
}

static void primary_went(void *opaque)
{
	struct remote *remote = opaque;

	send_pixels(remote);
	pixman_region32_clear(&remote->changed);
	remote->is_marked = false;
	post_or_close(remote, lost_primary, letter_new(remote, 0));
	/* a letter with all pixels may lie there beside another one: no third */
	remote->is_going = true;
	clove_display_channel_hold(remote->channel, true);
}

static void monitors(void *opaque, const struct clove_display_monitors_config *config)
{
	struct remote *remote = opaque;
	size_t size = config->count * sizeof *config->heads;
	struct letter *letter = letter_new(remote, size);

	if (letter) {
		letter->width = config->count;
		memcpy(letter->data, config->heads, size);
	}
	post_or_close(remote, got_monitors, letter);
}

static void closed(void *opaque, enum clove_err err)
{
	struct remote *remote = opaque;
	struct letter *letter;

	send_pixels(remote);
	letter = letter_new(remote, 0);
	if (letter)
		letter->err = err;
	post(remote, got_end, letter);
}

static const struct clove_display_events channel_events = {
	primary_came, primary_went, changed, marked, monitors, closed,
};

static void begin(void *home, void *carried)
{
	struct remote *remote = carried;

	(void)home;
	remote->channel = clove_display_channel_new(&remote->options, &remote->opened);
	if (!remote->channel)
		closed(remote, CLOVE_ERR_NOMEM);
}

static void end(void *home, void *carried)
{
	struct remote *remote = carried;

	(void)home;
	clove_display_channel_free(remote->channel);
	clove_stream_free(remote->opened.stream);
	clove_buf_fini(&remote->opened.early);
	pixman_region32_fini(&remote->changed);
	free(remote);
}

struct answer {
	struct remote *remote;
	unsigned int letters;     /* 0: only the counts are asked for */
};

static void got_counts(void *home, void *carried)
{
	struct clove_display *display = home;
	struct letter *letter = carried;

	display->is_asked = false;
	display->counts = letter->counts;
	letter_free(letter);
}

static void got_answer(void *home, void *carried)
{
	struct answer *answer = carried;
	struct remote *remote = answer->remote;
	struct letter *letter;

	(void)home;
	if (!answer->letters) {
		letter = letter_new(remote, 0);
		if (!letter || !clove_mailbox_post(remote->display->mailbox, got_counts, letter))
			letter_free(letter);
	}
	remote->letters -= answer->letters;
	free(answer);
	if (!remote->channel)
		return;
	if (!remote->letters)
		send_pixels(remote);
	if (remote->letters && (remote->is_going || remote->letters >= LETTERS_MOST))
		return;
	remote->is_going = false;
	clove_display_channel_hold(remote->channel, false);
}

/* -- on the owner's thread -- */

static bool post_answer(struct clove_display *display, unsigned int letters)
{
	struct answer *answer;

	if (!display->remote)
		return true;
	answer = malloc(sizeof *answer);
	if (!answer)
		return false;
	*answer = (struct answer){ display->remote, letters };
	if (clove_mailbox_post(display->thread->mailbox, got_answer, answer))
		return true;
	free(answer);
	return false;
}

static void answer_now(void *opaque)
{
	struct clove_display *display = opaque;

	display->answered_ms = clove_now_ms();
	if (post_answer(display, display->unanswered))
		display->unanswered = 0;
	else
		clove_timer_start(display->loop, display->timer, ANSWERS_APART_MS);
}

/* A letter was read. More pixels than anyone can see are not asked for. */
static void done(struct clove_display *display, struct letter *letter)
{
	uint64_t now = clove_now_ms();

	display->counts = letter->counts;
	letter_free(letter);
	if (display->unanswered++)
		return;
	if (now - display->answered_ms >= ANSWERS_APART_MS)
		answer_now(display);
	else
		clove_timer_start(display->loop, display->timer, (uint32_t)(ANSWERS_APART_MS -
				(now - display->answered_ms)));
}

static void got_pixels(void *home, void *carried)
{
	struct clove_display *display = home;
	struct letter *letter = carried;
	const uint32_t *from = letter->data;
	int n;
	const pixman_box32_t *boxes = pixman_region32_rectangles(&letter->changed, &n);

	for (int i = 0; i < n && display->pixels; i++) {
		size_t row = (size_t)(boxes[i].x2 - boxes[i].x1);

		for (int32_t y = boxes[i].y1; y < boxes[i].y2; y++, from += row)
			memcpy(display->pixels + (size_t)y * (size_t)display->width + boxes[i].x1, from, row * 4);
	}
	display->counts = letter->counts;
	if (n && display->pixels)
		TELL(display, changed, &letter->changed);
	if (letter->is_marked && display->pixels) {
		display->is_marked = true;
		TELL(display, marked);
	}
	done(display, letter);
}

static void got_primary(void *home, void *carried)
{
	struct clove_display *display = home;
	struct letter *letter = carried;

	display->width = letter->width;
	display->height = letter->height;
	display->pixels = calloc((size_t)letter->width * (size_t)letter->height, sizeof *display->pixels);
	if (display->pixels)
		TELL(display, primary_came, letter->width, letter->height);
	done(display, letter);
}

static void lost_primary(void *home, void *carried)
{
	struct clove_display *display = home;

	if (display->pixels)
		TELL(display, primary_went);
	free(display->pixels);
	display->pixels = NULL;
	display->is_marked = false;
	done(display, carried);
}

static void got_monitors(void *home, void *carried)
{
	struct clove_display *display = home;
	struct letter *letter = carried;
	struct clove_display_monitors_config config = { .count = (uint16_t)letter->width,
			.heads = (const struct clove_display_head *)letter->data };

	TELL(display, monitors, &config);
	done(display, letter);
}

static void got_end(void *home, void *carried)
{
	struct clove_display *display = home;
	struct letter *letter = carried;
	enum clove_err err = letter->err;

	done(display, letter);
	TELL(display, closed, err);
}

/* -- birth and death -- */

struct clove_display *clove_display_new(const struct clove_display_place *place, struct clove_opened *opened)
{
	struct clove_display *display = calloc(1, sizeof *display);
	struct remote *remote = calloc(1, sizeof *remote);

	if (display && remote) {
		display->thread = place->thread;
		display->loop = place->loop;
		display->events = place->events;
		display->opaque = place->opaque;
		display->mailbox = clove_mailbox_new(place->loop, display);
		display->timer = clove_timer_add(place->loop, answer_now, display);
		remote->display = display;
		remote->thread = place->thread;
		remote->options = (struct clove_display_options){
			.loop = place->thread->loop, .pictures = place->thread->pictures, .id = place->id,
			.preferred_compression = place->preferred_compression, .events = &channel_events,
			.opaque = remote,
		};
		remote->opened = *opened;
		pixman_region32_init(&remote->changed);
	}
	if (display && remote && display->mailbox && display->timer &&
			clove_mailbox_post(place->thread->mailbox, begin, remote)) {
		display->remote = remote;
		*opened = (struct clove_opened){ 0 };
		return display;
	}
	clove_stream_free(opened->stream);
	opened->stream = NULL;
	clove_buf_fini(&opened->early);
	free(remote);
	clove_display_free(display);
	return NULL;
}

void clove_display_free(struct clove_display *display)
{
	static const struct clove_display_events no_events;

	if (!display)
		return;
	display->events = &no_events;
	if (display->remote && !clove_mailbox_call(display->thread->mailbox, end, display->remote))
		return;                 /* it goes on, unseen */
	display->remote = NULL;
	clove_mailbox_free(display->mailbox);
	clove_timer_remove(display->loop, display->timer);
	free(display->pixels);
	free(display);
}

bool clove_display_picture(const struct clove_display *display, struct clove_pixels *picture)
{
	*picture = (struct clove_pixels){ 0 };
	if (!display->pixels)
		return false;
	*picture = (struct clove_pixels){ (uint8_t *)display->pixels, display->width, display->height,
			(ptrdiff_t)display->width * 4, CLOVE_FORMAT_RGB32 };
	return true;
}

bool clove_display_is_marked(const struct clove_display *display)
{
	return display->is_marked;
}

void clove_display_count(struct clove_display *display, struct clove_display_counts *counts)
{
	*counts = display->counts;
	if (!display->is_asked)
		display->is_asked = post_answer(display, 0);
}
