/*
 * Plays ping-pong through a region: the guest at place 0 asks, the guest at place 1 answers. With the argument
 * "interrupts" the answering guest sleeps until its interrupt comes, and without an interrupt it never wakes up.
 */
#include "../../../clients/devices/ivshmem/guest/argus_ivshmem_vfio.h"

#define SECTION_BYTES 4096u
#define ROUNDS 50u
#define VECTORS 2u

static uint32_t word(volatile uint8_t *section) { return *(volatile uint32_t *)section; }

int main(int argc, char **argv)
{
	struct argus_ivshmem shm;
	struct argus_ivshmem_events events;
	int is_woken = argc == 2 && strcmp(argv[1], "interrupts") == 0;
	int64_t interrupts = 0;
	if ((is_woken ? argus_ivshmem_open_vfio(&shm, &events, SECTION_BYTES, VECTORS)
		      : argus_ivshmem_open(&shm, SECTION_BYTES)) != 0) {
		puts("ivshmem: no device");
		return 1;
	}
	uint32_t self = argus_ivshmem_self(&shm);
	printf("ivshmem: place %u of a region of %zu bytes\n", self, shm.bytes);
	fflush(stdout);
	volatile uint8_t *own = argus_ivshmem_section(&shm, self);
	volatile uint8_t *peer = argus_ivshmem_section(&shm, 1 - self);
	for (uint32_t round = 1; round <= ROUNDS; round++) {
		if (self == 1)
			while (word(peer) < round) {
				if (!is_woken)
					usleep(500);
				else
					interrupts += argus_ivshmem_wait(&events, 0, -1);
			}
		memset((void *)(own + 4), (int)round, SECTION_BYTES - 4);
		*(volatile uint32_t *)own = round;
		argus_ivshmem_ring(&shm, (uint16_t)(1 - self), 0);
		if (self == 0) {
			/* Rung again now and then: a doorbell before the peer is up is refused. */
			for (unsigned waited = 0; word(peer) < round; waited++) {
				usleep(500);
				if (waited % 2000 == 1999)
					argus_ivshmem_ring(&shm, 1, 0);
			}
			if (peer[4] != round || peer[SECTION_BYTES - 1] != round) {
				printf("ivshmem: round %u is torn\n", round);
				return 1;
			}
		}
	}
	printf("ivshmem: %u rounds\n", ROUNDS);
	if (is_woken)
		printf("ivshmem: %lld interrupts\n", (long long)interrupts);
	return 0;
}
