/*
 * Regions and doorbells of a guest behind "argus device --ivshmem" (docs/ivshmem.md), for programs in C.
 * One header, no library, no kernel module: the device is reached through the files of sysfs, so the program runs as root.
 * A program polls its peers' sections, or waits for interrupts with argus_ivshmem_vfio.h.
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
	volatile uint32_t *registers; /* BAR0: IVPosition at word 2, Doorbell at word 3; NULL: it is written through vfio */
	int vfio;                     /* the device of vfio */
	off_t vfio_registers;         /* where BAR0 is in it */
	uint32_t self;                /* IVPosition */
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

/* The first ivshmem device of this guest, as sysfs names it. Returns 0, or -1. */
static inline int argus_ivshmem_find(char *device, size_t bytes)
{
	DIR *devices = opendir("/sys/bus/pci/devices");
	struct dirent *entry;
	int result = -1;
	if (devices == NULL)
		return -1;
	while (result != 0 && (entry = readdir(devices)) != NULL)
		if (argus_ivshmem_hex(entry->d_name, "vendor") == 0x1af4 && argus_ivshmem_hex(entry->d_name, "device") == 0x1110) {
			snprintf(device, bytes, "%s", entry->d_name);
			result = 0;
		}
	closedir(devices);
	return result;
}

/* Opens the first ivshmem device of this guest. section_bytes is what "--section" says. Returns 0, or -1. */
static inline int argus_ivshmem_open(struct argus_ivshmem *shm, size_t section_bytes)
{
	char device[256], path[512];
	size_t register_bytes;
	if (argus_ivshmem_find(device, sizeof device) != 0)
		return -1;
	snprintf(path, sizeof path, "/sys/bus/pci/devices/%s/enable", device);
	int fd = open(path, O_WRONLY);
	if (fd < 0)
		return -1;
	ssize_t written = write(fd, "1", 1);
	close(fd);
	if (written != 1)
		return -1;
	shm->registers = (volatile uint32_t *)argus_ivshmem_map(device, "resource0", &register_bytes);
	shm->region = (volatile uint8_t *)argus_ivshmem_map(device, "resource2", &shm->bytes);
	shm->section_bytes = section_bytes;
	if (shm->registers == NULL || shm->region == NULL)
		return -1;
	shm->self = shm->registers[2];
	return 0;
}

/* This guest's place among the peers. */
static inline uint32_t argus_ivshmem_self(const struct argus_ivshmem *shm)
{
	return shm->self;
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
	uint32_t doorbell = ((uint32_t)peer << 16) | vector;
	__sync_synchronize();
	if (shm->registers != NULL)
		shm->registers[3] = doorbell;
	else if (pwrite(shm->vfio, &doorbell, sizeof doorbell, shm->vfio_registers + 12) != sizeof doorbell)
		perror("argus_ivshmem_ring");
}

#endif
