/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* picture - says whether one PPM is in another, pixel for pixel, and where.
 *
 *   picture same A.ppm B.ppm       exit 0 if equal; else print how they differ
 *   picture find BIG.ppm PART.ppm  print "X Y" of the first place where every pixel agrees
 *   picture size A.ppm             print "WxH COLOURS" (counted up to 256)
 *
 * Exit: 0 yes, 1 no, 2 a file is unreadable. Only binary PPM with 8 bits is read:
 * QEMU's screendump writes it and ImageMagick makes it from everything else.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct picture {
	size_t width, height;
	uint8_t *rgb;
};

/* A number of the header, past white space and comment lines. */
static int read_number(FILE *f, size_t *n)
{
	int c = getc(f);

	while (c == '#' || c == ' ' || c == '\t' || c == '\n' || c == '\r') {
		while (c == '#' && (c = getc(f)) != '\n' && c != EOF)
			c = '#';
		c = getc(f);
	}
	if (c < '0' || c > '9')
		return 0;
	for (*n = 0; c >= '0' && c <= '9' && *n < 100000; c = getc(f))
		*n = *n * 10 + (size_t)(c - '0');
	return 1;
}

static void load(struct picture *p, const char *name)
{
	FILE *f = fopen(name, "rb");
	size_t most = 0;

	if (!f) {
		perror(name);
		exit(2);
	}
	if (getc(f) != 'P' || getc(f) != '6' || !read_number(f, &p->width) || !read_number(f, &p->height) ||
			!read_number(f, &most) || most != 255 || !p->width || !p->height ||
			p->width > 32768 || p->height > 32768 ||
			!(p->rgb = malloc(p->width * p->height * 3)) ||
			fread(p->rgb, p->width * 3, p->height, f) != p->height) {
		fprintf(stderr, "%s: not a whole binary PPM of 8 bits\n", name);
		exit(2);
	}
	fclose(f);
}

static const uint8_t *row(const struct picture *p, size_t x, size_t y)
{
	return p->rgb + (y * p->width + x) * 3;
}

static int same(const struct picture *a, const struct picture *b)
{
	size_t differ = 0, first = 0;

	if (a->width != b->width || a->height != b->height) {
		printf("%zux%zu and %zux%zu\n", a->width, a->height, b->width, b->height);
		return 1;
	}
	for (size_t i = 0; i < a->width * a->height; i++)
		if (memcmp(a->rgb + i * 3, b->rgb + i * 3, 3) && !differ++)
			first = i;
	if (differ)
		printf("%zu of %zu pixels differ, first at %zu,%zu\n", differ, a->width * a->height,
				first % a->width, first / a->width);
	return differ != 0;
}

/* The row of `p` with the most changes of colour: the quickest to be refuted. */
static size_t busiest_row(const struct picture *p)
{
	size_t best = 0, most = 0;

	for (size_t y = 0; y < p->height; y++) {
		size_t n = 0;

		for (size_t x = 1; x < p->width; x++)
			n += memcmp(row(p, x, y), row(p, x - 1, y), 3) != 0;
		if (n > most) {
			most = n;
			best = y;
		}
	}
	return best;
}

static int find(const struct picture *big, const struct picture *part)
{
	size_t hint = busiest_row(part), len = part->width * 3;

	if (part->width > big->width || part->height > big->height) {
		printf("%zux%zu does not fit into %zux%zu\n", part->width, part->height,
				big->width, big->height);
		return 1;
	}
	for (size_t y = 0; y <= big->height - part->height; y++)
		for (size_t x = 0; x <= big->width - part->width; x++) {
			size_t n = 0;

			if (memcmp(row(big, x, y + hint), row(part, 0, hint), len))
				continue;
			while (n < part->height && !memcmp(row(big, x, y + n), row(part, 0, n), len))
				n++;
			if (n == part->height) {
				printf("%zu %zu\n", x, y);
				return 0;
			}
		}
	printf("nowhere\n");
	return 1;
}

static void size(const struct picture *p)
{
	const uint8_t *seen[256];
	size_t colours = 0;

	for (size_t i = 0; i < p->width * p->height && colours < 256; i++) {
		size_t c = 0;

		while (c < colours && memcmp(seen[c], p->rgb + i * 3, 3))
			c++;
		if (c == colours)
			seen[colours++] = p->rgb + i * 3;
	}
	printf("%zux%zu %zu\n", p->width, p->height, colours);
}

int main(int argc, char **argv)
{
	struct picture a = { 0 }, b = { 0 };
	int differ = 0;

	if (argc == 3 && !strcmp(argv[1], "size")) {
		load(&a, argv[2]);
		size(&a);
	} else if (argc == 4 && (!strcmp(argv[1], "same") || !strcmp(argv[1], "find"))) {
		load(&a, argv[2]);
		load(&b, argv[3]);
		differ = (argv[1][0] == 's' ? same : find)(&a, &b);
	} else {
		fprintf(stderr, "usage: picture same A.ppm B.ppm | find BIG.ppm PART.ppm | size A.ppm\n");
		return 2;
	}
	free(a.rgb);
	free(b.rgb);
	return differ;
}
