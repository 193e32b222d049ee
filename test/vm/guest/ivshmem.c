/* Plays ping-pong through a region: the guest at place 0 asks, the guest at place 1 answers. */
#include <stdlib.h>
#include "../../../clients/devices/ivshmem/guest/argus_ivshmem.h"

#define SECTION_BYTES 4096u
#define ROUNDS 50u

static uint32_t word(volatile uint8_t *section) { return *(volatile uint32_t *)section; }

int main(void)
{
	struct argus_ivshmem shm;
	if (argus_ivshmem_open(&shm, SECTION_BYTES) != 0) {
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
			while (word(peer) < round)
				usleep(500);
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
	return 0;
}
