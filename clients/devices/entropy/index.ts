/** Random numbers for a stock guest's virtio-rng, on a socket of QEMU. */
export { serveEntropy } from './server.ts';
