/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* replay.c - the main of a fuzz target without a fuzzer: runs it over the files of its corpus. */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data = NULL;
	struct stat about;
	size_t size = 0;
	int count = 0;

	if (file && !fstat(fileno(file), &about)) {
		size = (size_t)about.st_size;
		data = malloc(size ? size : 1);  /* exact: a sanitizer sees every byte too far */
	}
	if (data && fread(data, 1, size, file) == size) {
		LLVMFuzzerTestOneInput(data, size);
		count = 1;
	} else {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
	}
	free(data);
	if (file)
		fclose(file);
	return count;
}

/* How many files of the folder were run. */
static int replay_folder(const char *path)
{
	DIR *folder = opendir(path);
	struct dirent *entry;
	int count = 0;

	if (!folder) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return 0;
	}
	while ((entry = readdir(folder))) {
		char name[4096];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
		count += replay_file(name);
	}
	closedir(folder);
	return count;
}

/* Folders are arguments; without any, the corpus that bears the program's name. */
int main(int argc, char **argv)
{
	const char *name = strrchr(argv[0], '/');
	char own[4096];
	int count = 0;

	name = name ? name + 1 : argv[0];
	name = strncmp(name, "fuzz-", 5) ? name : name + 5;
	snprintf(own, sizeof own, FUZZ_CORPUS "/%s", name);
	for (int i = 1; i < argc; i++)
		count += replay_folder(argv[i]);
	if (argc < 2)
		count = replay_folder(own);
	printf("%s: %d inputs\n", name, count);
	return count ? 0 : 1;
}
