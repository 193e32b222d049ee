/**
 * An inspector names the permission that a message asks for. It reads peer-controlled bytes, so it is total: it never
 * throws, reads only `bytes[start, end)`, and returns a number below zero for bytes that are not a
 * message of its class, or that claim what is not the sender's.
 */
import type { Domain, UnfitReason } from '../../../policy/contract/index.ts';

/** The payload is no message of its class. */
export const MALFORMED = -1;
/** A message of its class, which claims what the inventory gives to another domain, or to none. */
export const FOREIGN_MAC = -2;
export const FOREIGN_ADDRESS = -3;
export const FOREIGN_CLIENT_ID = -4;

/** The reason for the number `result` below zero is at `-1 - result`. */
export const UNFIT_REASONS: readonly UnfitReason[] = [
  'MALFORMED',
  'FOREIGN_MAC',
  'FOREIGN_ADDRESS',
  'FOREIGN_CLIENT_ID',
];

/** The addresses that domains choose by themselves: neighbours.ts. */
export interface AddressChoice {
  /** True: the address at `bytes[at]` is the domain's, or it may take it. */
  admits(domain: Domain, bytes: Uint8Array, at: number): boolean;
  /** True: another domain speaks from the address, so it will answer a domain that asks for it. */
  isDefended(domain: Domain, bytes: Uint8Array, at: number): boolean;
  /** The domain takes an address that `admits` allowed; `isUse`: it speaks from it. */
  take(domain: Domain, bytes: Uint8Array, at: number, isUse: boolean): void;
}

export interface Inspector {
  /** In the order of the numbers that `inspect` returns; services.yaml must list the same. */
  readonly permissions: readonly string[];
  /**
   * Index into `permissions`, or one of the numbers above. Allocates nothing, except for an address that is new. `source`
   * is the session's domain: an inspector compares the claims of a message (a MAC, an address) with it. `neighbours` has
   * the addresses that domains chose; without it they choose none.
   */
  inspect(bytes: Uint8Array, start: number, end: number, source: Domain, neighbours?: AddressChoice): number;
}
