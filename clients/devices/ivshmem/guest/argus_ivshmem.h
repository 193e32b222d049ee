/*
 * Regions and doorbells of a guest behind "argus device --ivshmem" (docs/ivshmem.md), for programs in C.
 * One header, no library, no kernel module: the device is reached through the files of sysfs, so the program runs as root.
 * A program polls its peers' sections; for interrupts bind vfio-pci to the device (docs/ivshmem.md).
 *
 * Apache-2.0
 */
#ifndef ARGUS_IVSHMEM_H
#define ARGUS_IVSHMEM_H

#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define ARGUS_IVSHMEM_STATE_BYTES 4096u

struct argus_ivshmem {
	volatile uint32_t *registers; /* BAR0: IVPosition at word 2, Doorbell at word 3 */
	volatile uint8_t *region;     /* BAR2 */
	size_t bytes;
	size_t section_bytes;
};

static inline unsigned argus_ivshmem_hex(const char *device, const char *name)
{
	char path[512];
	unsigned value = 0;
	snprintf(path, sizeof path, "/sys/bus/pci/devices/%s/%s", device, name);
	FILE *file = fopen(path, "r");
	if (file == NULL)
		return 0;
	if (fscanf(file, "%x", &value) != 1)
		value = 0;
	fclose(file);
	return value;
}

static inline void *argus_ivshmem_map(const char *device, const char *name, size_t *bytes)
{
	char path[512];
	struct stat stat;
	snprintf(path, sizeof path, "/sys/bus/pci/devices/%s/%s", device, name);
	int fd = open(path, O_RDWR | O_SYNC);
	if (fd < 0)
		return NULL;
	void *at = MAP_FAILED;
	if (fstat(fd, &stat) == 0 && stat.st_size > 0)
		at = mmap(NULL, (size_t)stat.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (at == MAP_FAILED)
		return NULL;
	*bytes = (size_t)stat.st_size;
	return at;
}

/* Opens the first ivshmem device of this guest. section_bytes is what "--section" says. Returns 0, or -1. */
static inline int argus_ivshmem_open(struct argus_ivshmem *shm, size_t section_bytes)
{
	DIR *devices = opendir("/sys/bus/pci/devices");
	struct dirent *entry;
	int result = -1;
	if (devices == NULL)
		return -1;
	while (result != 0 && (entry = readdir(devices)) != NULL) {
		const char *device = entry->d_name;
		char path[512];
		size_t register_bytes;
		if (argus_ivshmem_hex(device, "vendor") != 0x1af4 || argus_ivshmem_hex(device, "device") != 0x1110)
			continue;
		snprintf(path, sizeof path, "/sys/bus/pci/devices/%s/enable", device);
		int fd = open(path, O_WRONLY);
		if (fd < 0)
			break;
		ssize_t written = write(fd, "1", 1);
		close(fd);
		if (written != 1)
			break;
		shm->registers = argus_ivshmem_map(device, "resource0", &register_bytes);
		shm->region = argus_ivshmem_map(device, "resource2", &shm->bytes);
		shm->section_bytes = section_bytes;
		if (shm->registers != NULL && shm->region != NULL)
			result = 0;
	}
	closedir(devices);
	return result;
}

/* This guest's place among the peers: IVPosition. */
static inline uint32_t argus_ivshmem_self(const struct argus_ivshmem *shm)
{
	return shm->registers[2];
}

/* The section of a peer, or NULL. Only the own section may be written: another one is overwritten by its owner. */
static inline volatile uint8_t *argus_ivshmem_section(const struct argus_ivshmem *shm, uint32_t peer)
{
	size_t at = ARGUS_IVSHMEM_STATE_BYTES + (size_t)peer * shm->section_bytes;
	return at + shm->section_bytes <= shm->bytes ? shm->region + at : NULL;
}

/* 1 once the peer's section has arrived, 0 before, and after the peer has gone. */
static inline uint32_t argus_ivshmem_state(const struct argus_ivshmem *shm, uint32_t peer)
{
	return ((volatile uint32_t *)shm->region)[peer];
}

/* Asks for the own section to be copied to the peer, and for the peer's interrupt. What was written before is in the copy. */
static inline void argus_ivshmem_ring(const struct argus_ivshmem *shm, uint16_t peer, uint16_t vector)
{
	__sync_synchronize();
	shm->registers[3] = ((uint32_t)peer << 16) | vector;
}

#endif
