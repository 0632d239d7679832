/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* local-devices.c - where Linux keeps a USB device's names, its drivers and the file systems on it. */
#include "usbredir/local-devices.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char sys_devices[] = "/sys/bus/usb/devices";

void clove_local_device_node(uint8_t bus, uint8_t address, char *path, size_t size)
{
	snprintf(path, size, "/dev/bus/usb/%03u/%03u", bus, address);
}

/* Bytes of the character at `p`, 0 if it is not one that can be shown. */
static size_t character(const unsigned char *p)
{
	size_t n = p[0] < 0x80 ? 1 : p[0] >= 0xc2 && p[0] < 0xe0 ? 2 : p[0] >= 0xe0 && p[0] < 0xf0 ? 3 :
			p[0] >= 0xf0 && p[0] < 0xf5 ? 4 : 0;

	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	}
	if (n == 1)
		return p[0] >= 0x20 && p[0] != 0x7f;
	if (n == 2 && p[0] == 0xc2 && p[1] < 0xa0) /* C1 controls */
		return 0;
	if (n == 3 && ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] >= 0xa0)))
		return 0;
	/* what turns the direction of writing or breaks a line: it could make one name look like another */
	if (n == 3 && p[0] == 0xe2 && ((p[1] == 0x80 && p[2] >= 0x8b) || (p[1] == 0x81 && p[2] >= 0xa6 && p[2] < 0xb0)) &&
			!(p[1] == 0x80 && p[2] >= 0x90 && p[2] < 0xa8))
		return 0;
	if (n == 4 && ((p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] >= 0x90)))
		return 0;
	return n;
}

void clove_local_device_text(char *to, size_t size, const char *from)
{
	size_t used = 0;

	while (*from) {
		size_t n = character((const unsigned char *)from);
		bool is_space = !n || (n == 1 && *from == ' ');

		if (is_space && (!used || to[used - 1] == ' ')) {
			from++;
			continue;
		}
		if (used + (n ? n : 1) >= size)
			break;
		if (n)
			memcpy(to + used, from, n);
		else
			to[used] = ' ';
		used += n ? n : 1;
		from += n ? n : 1;
	}
	while (used && to[used - 1] == ' ')
		used--;
	to[used] = 0;
}

/* The first line of a small file; false if there is none. */
static bool read_line(const char *directory, const char *name, char *line, size_t size)
{
	char path[PATH_MAX];
	FILE *file;
	bool is_read;

	if (snprintf(path, sizeof path, "%s/%s", directory, name) >= (int)sizeof path)
		return false;
	file = fopen(path, "re");
	if (!file)
		return false;
	is_read = fgets(line, (int)size, file) != NULL;
	fclose(file);
	if (is_read)
		line[strcspn(line, "\n")] = 0;
	return is_read;
}

static bool reads_number(const char *directory, const char *name, unsigned long number)
{
	char line[32];

	return read_line(directory, name, line, sizeof line) && strtoul(line, NULL, 10) == number;
}

/* Its directory, with what follows the kernel's link; false if sysfs does not have it. */
static bool find_directory(const struct clove_local_device *device, char path[PATH_MAX])
{
	char link[sizeof sys_devices + NAME_MAX + 1];
	struct dirent *entry;
	bool is_found = false;
	DIR *dir = opendir(sys_devices);

	while (dir && !is_found && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || strchr(entry->d_name, ':'))
			continue;
		snprintf(link, sizeof link, "%s/%s", sys_devices, entry->d_name);
		is_found = reads_number(link, "busnum", device->bus) &&
				reads_number(link, "devnum", device->address) && realpath(link, path);
	}
	if (dir)
		closedir(dir);
	return is_found;
}

/* ---- names --------------------------------------------------------------------------------- */

/* The two lines of the list of ids that name it; either stays empty. */
static void look_up(const struct clove_local_device *device, char maker[128], char product[128])
{
	static const char *const lists[] = {
		"/usr/share/hwdata/usb.ids", "/usr/share/misc/usb.ids", "/var/lib/usbutils/usb.ids",
	};
	char line[512], want_maker[8], want_product[8];
	bool is_maker = false;
	FILE *file = NULL;

	for (size_t i = 0; i < sizeof lists / sizeof lists[0] && !file; i++)
		file = fopen(lists[i], "re");
	snprintf(want_maker, sizeof want_maker, "%04x ", device->shape.vendor);
	snprintf(want_product, sizeof want_product, "\t%04x ", device->shape.product);
	while (file && fgets(line, sizeof line, file)) {
		if (!is_maker && !strncmp(line, want_maker, 5)) {
			clove_local_device_text(maker, 128, line + 5);
			is_maker = true;
		} else if (is_maker && !strncmp(line, want_product, 6)) {
			clove_local_device_text(product, 128, line + 6);
			break;
		} else if (is_maker && line[0] != '\t' && line[0] != '#') {
			break;
		}
	}
	if (file)
		fclose(file);
}

/* Words for what it is, by its first class that says anything (USB-IF, "Defined Class Codes"). */
static const char *words(const struct clove_usb_shape *shape)
{
	static const struct { uint8_t code; const char *name; } classes[] = {
		{ 0x01, "USB audio device" },   { 0x02, "USB modem or network adapter" },
		{ 0x03, "USB keyboard, mouse or other input device" },
		{ 0x06, "USB camera" },         { 0x07, "USB printer" },
		{ 0x08, "USB storage" },        { 0x0b, "USB smart card reader" },
		{ 0x0e, "USB camera" },         { 0xe0, "USB Bluetooth or other radio" },
	};
	uint8_t code = shape->device_class;

	for (uint32_t i = 0; i <= shape->interface_count && i <= CLOVE_USB_INTERFACES; i++) {
		for (size_t c = 0; c < sizeof classes / sizeof classes[0]; c++) {
			if (classes[c].code == code)
				return classes[c].name;
		}
		if (i < shape->interface_count && i < CLOVE_USB_INTERFACES)
			code = shape->interfaces[i].interface_class;
	}
	return "USB device";
}

static void look_at_names(struct clove_local_device *device, const char *directory)
{
	char line[512], maker[128] = "", product[128] = "";
	char listed_maker[128] = "", listed_product[128] = "", both[sizeof maker + sizeof product];

	if (directory && read_line(directory, "manufacturer", line, sizeof line))
		clove_local_device_text(maker, sizeof maker, line);
	if (directory && read_line(directory, "product", line, sizeof line))
		clove_local_device_text(product, sizeof product, line);
	if (directory && read_line(directory, "serial", line, sizeof line))
		clove_local_device_text(device->serial, sizeof device->serial, line);
	if (!maker[0] || !product[0]) {
		look_up(device, listed_maker, listed_product);
		if (!maker[0])
			strcpy(maker, listed_maker);
		if (!product[0])
			strcpy(product, listed_product);
	}
	if (!product[0])
		strcpy(product, words(&device->shape));
	/* many repeat the maker in the product */
	if (maker[0] && strncmp(product, maker, strlen(maker)))
		snprintf(both, sizeof both, "%s %s", maker, product);
	else
		snprintf(both, sizeof both, "%s", product);
	clove_local_device_text(device->name, sizeof device->name, both);
}

/* ---- drivers ------------------------------------------------------------------------------- */

/* Of all interfaces, each named once. Our own hold (usbfs) is none. */
static void look_at_drivers(struct clove_local_device *device, const char *directory)
{
	char path[PATH_MAX], target[PATH_MAX];
	struct dirent *entry;
	DIR *dir = opendir(directory);

	while (dir && (entry = readdir(dir))) {
		const char *name;
		ssize_t len;
		size_t used = strlen(device->driver);

		if (!strchr(entry->d_name, ':') || snprintf(path, sizeof path, "%s/%s/driver", directory,
				entry->d_name) >= (int)sizeof path)
			continue;
		len = readlink(path, target, sizeof target - 1);
		if (len <= 0)
			continue;
		target[len] = 0;
		name = strrchr(target, '/') ? strrchr(target, '/') + 1 : target;
		if (!strcmp(name, "usbfs") || strstr(device->driver, name) ||
				used + strlen(name) + 3 > sizeof device->driver)
			continue;
		if (used) {
			memcpy(device->driver + used, ", ", 2);
			used += 2;
		}
		memcpy(device->driver + used, name, strlen(name) + 1);
	}
	if (dir)
		closedir(dir);
}

/* ---- file systems and swap ----------------------------------------------------------------- */

enum { DISKS_MAX = 64, DEPTH_MAX = 16 };

struct disks {
	size_t count;
	struct disk {
		char name[64];       /* "sdb1" */
		char number[32];     /* "8:17" */
	} disk[DISKS_MAX];
};

static void add_disk(struct disks *disks, const char *directory, const char *name)
{
	struct disk *disk = &disks->disk[disks->count];
	char path[PATH_MAX];

	if (disks->count == DISKS_MAX || strlen(name) >= sizeof disk->name ||
			snprintf(path, sizeof path, "%s/%s", directory, name) >= (int)sizeof path ||
			!read_line(path, "dev", disk->number, sizeof disk->number))
		return;
	strcpy(disk->name, name);
	disks->count++;
}

/* Everything that is a block device below: disks, partitions, and what is built on them (holders). Links are
 * followed only below "holders", where they lead to mapped devices. */
static void find_disks(struct disks *disks, const char *directory, bool is_block, int depth)
{
	struct dirent *entry;
	DIR *dir = depth < DEPTH_MAX ? opendir(directory) : NULL;
	const char *slash = strrchr(directory, '/');
	bool is_holders = is_block && slash && !strcmp(slash, "/holders");

	while (dir && (entry = readdir(dir))) {
		char path[PATH_MAX];
		struct stat status;

		if (entry->d_name[0] == '.' ||
				snprintf(path, sizeof path, "%s/%s", directory, entry->d_name) >= (int)sizeof path ||
				(is_holders ? stat(path, &status) : lstat(path, &status)) < 0 ||
				!S_ISDIR(status.st_mode))
			continue;
		if (is_block)
			add_disk(disks, directory, entry->d_name);
		find_disks(disks, path, is_block || !strcmp(entry->d_name, "block"), depth + 1);
	}
	if (dir)
		closedir(dir);
}

/* The kernel writes blanks, tabs, line ends and backslashes as \ooo. */
static void unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from; from++) {
		if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] >= '0' && from[2] <= '7' &&
				from[3] >= '0' && from[3] <= '7') {
			*to++ = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
			from += 3;
		} else {
			*to++ = *from;
		}
	}
	*to = 0;
}

static bool is_disk(const struct disks *disks, const char *number, const char *source)
{
	const char *name = source && !strncmp(source, "/dev/", 5) ? source + 5 : "";

	for (size_t i = 0; i < disks->count; i++) {
		if ((number && !strcmp(disks->disk[i].number, number)) || !strcmp(disks->disk[i].name, name))
			return true;
	}
	return false;
}

static void say_in_use(struct clove_local_device *device, const char *what, const char *verb)
{
	char text[128];

	clove_local_device_text(text, sizeof text, what);
	snprintf(device->in_use, sizeof device->in_use, "%s %s", text, verb);
}

/* proc(5): "36 35 98:0 /root /mount/point options fields - type source options". A file system on several
 * devices has a number of its own: then the source tells. */
static void look_at_mounts(struct clove_local_device *device, const struct disks *disks)
{
	char *line = NULL;
	size_t size = 0;
	FILE *file = fopen("/proc/self/mountinfo", "re");

	while (file && !device->in_use[0] && getline(&line, &size, file) > 0) {
		char *rest = line, *field[5], *source = NULL;

		for (int i = 0; i < 5; i++)
			field[i] = strsep(&rest, " ");
		rest = rest ? strstr(rest, " - ") : NULL;
		if (rest) {
			rest += 3;
			strsep(&rest, " ");
			source = strsep(&rest, " \n");
		}
		if (!field[4] || !is_disk(disks, field[2], source))
			continue;
		unescape(field[4]);
		say_in_use(device, field[4], "is mounted");
	}
	free(line);
	if (file)
		fclose(file);
}

static void look_at_swaps(struct clove_local_device *device, const struct disks *disks)
{
	char line[512];
	FILE *file = fopen("/proc/swaps", "re");

	while (file && !device->in_use[0] && fgets(line, sizeof line, file)) {
		char *name = strtok(line, " \t");

		if (name && is_disk(disks, NULL, name))
			say_in_use(device, name, "is used as swap");
	}
	if (file)
		fclose(file);
}

void clove_local_device_look(struct clove_local_device *device)
{
	char directory[PATH_MAX], node[64];
	struct disks disks;
	bool is_known = find_directory(device, directory);

	device->name[0] = device->serial[0] = device->driver[0] = device->in_use[0] = 0;
	look_at_names(device, is_known ? directory : NULL);
	clove_local_device_node(device->bus, device->address, node, sizeof node);
	device->is_accessible = access(node, R_OK | W_OK) == 0;
	if (!is_known)
		return;
	look_at_drivers(device, directory);
	disks.count = 0;
	find_disks(&disks, directory, false, 0);
	if (disks.count) {
		look_at_mounts(device, &disks);
		look_at_swaps(device, &disks);
	}
}
