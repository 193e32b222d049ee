/*
 * The interrupts of argus_ivshmem.h, through vfio-pci: the guest has a virtual IOMMU, and docs/ivshmem.md shows how
 * vfio-pci takes the device over. A process that may open /dev/vfio/GROUP needs no other right.
 *
 * Apache-2.0
 */
#ifndef ARGUS_IVSHMEM_VFIO_H
#define ARGUS_IVSHMEM_VFIO_H

#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include "argus_ivshmem.h"

#define ARGUS_IVSHMEM_MAX_VECTORS 8u

struct argus_ivshmem_events {
	unsigned vectors;
	int event[ARGUS_IVSHMEM_MAX_VECTORS]; /* an eventfd per vector, for poll and epoll */
};

/* The device of vfio, or -1. The group and its container stay open as long as the process: they hold the device. */
static inline int argus_ivshmem_vfio_device(const char *device)
{
	char path[512], target[256];
	snprintf(path, sizeof path, "/sys/bus/pci/devices/%s/iommu_group", device);
	ssize_t length = readlink(path, target, sizeof target - 1);
	if (length < 0)
		return -1;
	target[length] = '\0';
	const char *group_name = strrchr(target, '/');
	snprintf(path, sizeof path, "/dev/vfio/%.255s", group_name == NULL ? target : group_name + 1);
	int container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	int group = open(path, O_RDWR | O_CLOEXEC);
	if (container < 0 || group < 0 || ioctl(group, VFIO_GROUP_SET_CONTAINER, &container) != 0 ||
	    ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU) != 0)
		return -1;
	return ioctl(group, VFIO_GROUP_GET_DEVICE_FD, device);
}

static inline int argus_ivshmem_vfio_region(int vfio, unsigned index, struct vfio_region_info *region)
{
	memset(region, 0, sizeof *region);
	region->argsz = sizeof *region;
	region->index = index;
	return ioctl(vfio, VFIO_DEVICE_GET_REGION_INFO, region);
}

/* A device may send interrupts once it may write to memory. */
static inline int argus_ivshmem_vfio_master(int vfio)
{
	struct vfio_region_info config;
	uint16_t command;
	if (argus_ivshmem_vfio_region(vfio, VFIO_PCI_CONFIG_REGION_INDEX, &config) != 0)
		return -1;
	off_t at = (off_t)config.offset + PCI_COMMAND;
	if (pread(vfio, &command, sizeof command, at) != sizeof command)
		return -1;
	command |= PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	return pwrite(vfio, &command, sizeof command, at) == sizeof command ? 0 : -1;
}

static inline int argus_ivshmem_vfio_interrupts(int vfio, struct argus_ivshmem_events *events)
{
	size_t bytes = sizeof(struct vfio_irq_set) + events->vectors * sizeof(int32_t);
	struct vfio_irq_set *set = (struct vfio_irq_set *)calloc(1, bytes);
	if (set == NULL)
		return -1;
	set->argsz = (uint32_t)bytes;
	set->flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
	set->index = VFIO_PCI_MSIX_IRQ_INDEX;
	set->count = events->vectors;
	for (unsigned vector = 0; vector < events->vectors; vector++) {
		int32_t event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		events->event[vector] = event;
		memcpy(set->data + vector * sizeof event, &event, sizeof event);
	}
	int result = ioctl(vfio, VFIO_DEVICE_SET_IRQS, set);
	free(set);
	return result;
}

/* Like argus_ivshmem_open, with the first `vectors` interrupts. Returns 0, or -1. */
static inline int argus_ivshmem_open_vfio(struct argus_ivshmem *shm, struct argus_ivshmem_events *events,
					  size_t section_bytes, unsigned vectors)
{
	char device[256];
	struct vfio_region_info registers, region;
	if (vectors == 0 || vectors > ARGUS_IVSHMEM_MAX_VECTORS || argus_ivshmem_find(device, sizeof device) != 0)
		return -1;
	int vfio = argus_ivshmem_vfio_device(device);
	if (vfio < 0 || argus_ivshmem_vfio_region(vfio, VFIO_PCI_BAR0_REGION_INDEX, &registers) != 0 ||
	    argus_ivshmem_vfio_region(vfio, VFIO_PCI_BAR2_REGION_INDEX, &region) != 0)
		return -1;
	void *at = mmap(NULL, (size_t)region.size, PROT_READ | PROT_WRITE, MAP_SHARED, vfio, (off_t)region.offset);
	if (at == MAP_FAILED)
		return -1;
	shm->registers = NULL; /* BAR0 is smaller than a page, so vfio may refuse to map it */
	shm->vfio = vfio;
	shm->vfio_registers = (off_t)registers.offset;
	shm->region = (volatile uint8_t *)at;
	shm->bytes = (size_t)region.size;
	shm->section_bytes = section_bytes;
	events->vectors = vectors;
	if (argus_ivshmem_vfio_master(vfio) != 0 || argus_ivshmem_vfio_interrupts(vfio, events) != 0 ||
	    pread(vfio, &shm->self, sizeof shm->self, shm->vfio_registers + 8) != sizeof shm->self)
		return -1;
	return 0;
}

/* Waits for an interrupt. Returns how many came since the last call, 0 after timeout_ms (-1: none), or -1. */
static inline int64_t argus_ivshmem_wait(const struct argus_ivshmem_events *events, unsigned vector, int timeout_ms)
{
	struct pollfd waiting = { events->event[vector], POLLIN, 0 };
	uint64_t count = 0;
	int ready = poll(&waiting, 1, timeout_ms);
	if (ready <= 0)
		return ready;
	return read(events->event[vector], &count, sizeof count) == sizeof count ? (int64_t)count : -1;
}

#endif
