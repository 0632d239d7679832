/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* list.h - an intrusive doubly linked list: the links live in the things listed. */
#ifndef CLOVE_UTIL_LIST_H
#define CLOVE_UTIL_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct clove_list {
	struct clove_list *next, *prev;
};

#define CLOVE_CONTAINER(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))

static inline void clove_list_init(struct clove_list *list)
{
	list->next = list->prev = list;
}

static inline bool clove_list_is_empty(const struct clove_list *list)
{
	return list->next == list;
}

static inline void clove_list_append(struct clove_list *list, struct clove_list *item)
{
	item->prev = list->prev;
	item->next = list;
	list->prev->next = item;
	list->prev = item;
}

static inline void clove_list_prepend(struct clove_list *list, struct clove_list *item)
{
	clove_list_append(list->next, item);
}

/* Harmless on an item that is in no list, if it was initialised. */
static inline void clove_list_remove(struct clove_list *item)
{
	item->prev->next = item->next;
	item->next->prev = item->prev;
	clove_list_init(item);
}

/* `item` may be removed in the body. */
#define CLOVE_LIST_FOR_EACH(item, list) \
	for (struct clove_list *item = (list)->next, *item##_next = item->next; \
			item != (list); item = item##_next, item##_next = item->next)

#endif
