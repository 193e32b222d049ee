/**
 * The 80 core statements about Argo and XSM/Flask that Argus is measured by.
 *
 * Each is what Xen does; a test that shows Argus doing something else says so and why (see harness.ts and
 * docs/argo-deviations.md). `source` names the file and function of Xen in which the behaviour can be read.
 */

export interface Statement {
  /** A01 … A80: stable, and the name by which documents and tests refer to it. */
  readonly id: string;
  readonly statement: string;
  readonly source: string;
}

const ROWS: readonly (readonly [statement: string, source: string])[] = [
  // Entry and arguments
  ['with argo switched off for the whole broker, every operation answers EOPNOTSUPP', 'argo.c do_argo_op'],
  [
    'an operation number that does not exist answers EOPNOTSUPP, but only to a domain that is enabled',
    'argo.c do_argo_op',
  ],
  ['a domain without argo:enable gets EACCES from each operation, whatever it passes', 'hooks.c flask_argo_enable'],
  // register_ring
  ['a flag other than FAIL_EXIST is EINVAL', 'argo.c register_ring'],
  ['a ring of 32 bytes is EINVAL, one of 48 is the smallest that registers', 'argo.c register_ring'],
  ['a ring length that 16 does not divide is EINVAL', 'argo.c register_ring'],
  [
    'a ring above 16 MiB is EINVAL; the longest that can be registered has 16777152 bytes',
    'argo.c register_ring, NPAGES_RING',
  ],
  ['a page count that does not belong to the ring length is EINVAL', 'argo.c register_ring'],
  ['padding that is not zero is EINVAL', 'argo.c register_ring'],
  ['a wildcard ring where wildcards are switched off is EPERM, and policy is not even asked', 'argo.c register_ring'],
  ['a wildcard ring without register_any_source is EACCES', 'hooks.c flask_argo_register_any_source'],
  ['a partner that does not exist is ESRCH, before policy is asked', 'argo.c register_ring'],
  [
    'a ring for one partner without register_single_source for it is EACCES',
    'hooks.c flask_argo_register_single_source',
  ],
  ['a partner that exists but does not take part in argo is ECONNREFUSED', 'argo.c register_ring'],
  ['a domain can have 128 rings; one more is ENOSPC', 'argo.c register_ring'],
  ['registering again with FAIL_EXIST is EEXIST, and the ring goes on working', 'argo.c register_ring'],
  ['registering again with another length is EEXIST, and the ring goes on working', 'argo.c register_ring'],
  [
    'registering again with the same length and no flag succeeds and keeps what was not yet read',
    'argo.c register_ring',
  ],
  ['one port can have a wildcard ring and a ring for each partner side by side', 'argo.c find_ring_info'],
  // unregister_ring
  ['unregistering with arguments that the operation does not have is EINVAL', 'argo.c do_argo_op'],
  [
    'unregistering what was not registered is ENOENT; naming a partner does not remove the wildcard ring',
    'argo.c unregister_ring',
  ],
  ['unregistering drops those who wait for space, without a signal', 'argo.c pending_remove_all'],
  ['a send to a ring that was unregistered is ECONNREFUSED', 'argo.c sendv'],
  // sendv
  ['a send of nine buffers is EINVAL', 'argo.c do_argo_op'],
  ['padding in either address is EINVAL, before identities are looked at', 'argo.c sendv'],
  ['a source domid of ANY stands for the caller', 'argo.c sendv'],
  ['a source domid of somebody else is EPERM, before destination and policy', 'argo.c sendv'],
  ['a destination that does not exist is ESRCH, and ANY is no destination', 'argo.c sendv'],
  ['a send that policy denies is EACCES whether or not there is a ring', 'argo.c sendv, hooks.c flask_argo_send'],
  ['a permitted send to a domain that does not take part in argo is ECONNREFUSED', 'argo.c sendv'],
  [
    'a send that neither a ring for the sender nor a wildcard ring takes is ECONNREFUSED',
    'argo.c find_ring_info_by_match',
  ],
  ['the ring for the sender is preferred to the wildcard ring of the port', 'argo.c find_ring_info_by_match'],
  ['when the ring for the sender is full the answer is EAGAIN, never a detour to the wildcard ring', 'argo.c sendv'],
  ['padding in a buffer descriptor is EINVAL, but a missing ring is noticed first', 'argo.c iov_count'],
  ['one buffer above the longest message is EINVAL, a sum above it EMSGSIZE', 'argo.c iov_count'],
  ['a payload that the empty ring could not hold is EMSGSIZE, and nobody waits for it', 'argo.c ringbuf_insert'],
  ['a payload of ring length less 32 fits an empty ring', 'argo.c ringbuf_insert'],
  ['a payload that fits the ring but not now is EAGAIN, and the domain waits once', 'argo.c pending_requeue'],
  ['when 32 domains wait, the next one gets EBUSY', 'argo.c pending_queue'],
  ['a send returns the length of the payload, without the header', 'argo.c sendv'],
  ['an empty message is delivered as a header alone, and signalled', 'argo.c ringbuf_insert'],
  ['the header carries payload length + 16, the true sender and the message type as given', 'argo.c ringbuf_insert'],
  ['the source port is what the sender says; its rings are not consulted', 'argo.c sendv'],
  [
    'a payload runs on from the end of the ring to its start; the next message begins at a multiple of 16',
    'argo.c ringbuf_insert',
  ],
  ['the receiver sees the write pointer move once per message, after all of its bytes', 'argo.c update_tx_ptr'],
  ['a fault in the middle of the copy is EFAULT, delivers nothing and harms no later message', 'argo.c ringbuf_insert'],
  ['a read pointer that makes no sense never leads to a write outside the ring', 'argo.c get_sanitized_ring'],
  ['a receiver that overwrites the write pointer does not change where messages go', 'argo.c get_sanitized_ring'],
  ['each send that succeeds signals the destination once, also when that is the sender', 'argo.c sendv'],
  ['what the sender does to its buffer after the call does not change the message', 'argo.c memcpy_to_guest_ring'],
  ['messages of several senders to one ring do not mix', 'argo.c sendv, L3 lock'],
  // notify
  [
    'an empty notify signals those who wait for space that is there now, once',
    'argo.c notify_check_pending, pending_find',
  ],
  ['a notify with 257 entries is EACCES, after its own waiters were served', 'argo.c notify'],
  ['an entry for a domain or ring that does not exist has no flags, and is no error', 'argo.c fill_ring_data'],
  [
    'an entry whose destination denies send ends the call with EACCES; those before it are filled in',
    'argo.c fill_ring_data, notify',
  ],
  ['an existing ring is reported as such, with the longest payload that it can hold', 'argo.c fill_ring_data'],
  ['SHARED is reported for a wildcard ring and for no other', 'argo.c fill_ring_data'],
  ['EMPTY is reported when all of the ring is free, and only then', 'argo.c fill_ring_data'],
  ['space that the ring can never have is reported as EMSGSIZE, and nobody waits for it', 'argo.c fill_ring_data'],
  ['space that is there is reported as sufficient, and an earlier wait of the caller ends', 'argo.c pending_cancel'],
  [
    'space that is missing is waited for, and a notify of the owner after reading signals the caller',
    'argo.c pending_requeue',
  ],
  [
    'when 32 domains wait already the entry says EBUSY, and the entries after it are processed',
    'argo.c fill_ring_data',
  ],
  // Lifecycle
  ['a domain without enable at its creation is created all the same, without argo', 'argo.c argo_init'],
  ['a dying domain loses its rings: senders get ECONNREFUSED, and ESRCH once it is gone', 'argo.c argo_destroy, sendv'],
  [
    'when a domain dies, rings that others keep for it alone are removed and no longer counted',
    'argo.c partner_rings_remove',
  ],
  ['the owner of a ring removed in that way gets ENOENT when it unregisters it', 'argo.c unregister_ring'],
  ['when a domain dies, its waits on wildcard rings end', 'argo.c wildcard_rings_pending_remove'],
  ['a new domain under an old domid is not the partner of rings from before', 'argo.c partner_rings_remove'],
  // Flask
  [
    'without a rule a request is denied with EACCES',
    'services.c context_struct_compute_av, avc.c avc_has_perm_noaudit',
  ],
  ['that A may send to B does not mean that B may send to A', 'hooks.c domain_has_perm'],
  ['a denial is logged with permission, both domains, both contexts and the class', 'avc.c avc_audit'],
  ['what is marked dontaudit is denied without a line', 'avc.c avc_audit'],
  ['what is marked auditallow leaves a line for each use', 'avc.c avc_audit'],
  [
    'a permissive domain is allowed, and the denial it would have had is logged once until the cache is flushed',
    'avc.c avc_update_node',
  ],
  [
    'loading a policy flushes the cache: the next send is decided by the new one',
    'avc.c avc_ss_reset, services.c security_load_policy',
  ],
  ['a decision of an older revision does not enter the cache', 'avc.c avc_latest_notif_update'],
  ['an invalid new policy leaves the old one and its revision in force', 'services.c security_load_policy'],
  [
    'a label that the new policy does not know makes checks fail, not pass',
    'services.c security_load_policy, security_compute_av',
  ],
  ['an allow rule that breaks a neverallow refuses the whole policy when it is loaded', 'checkpolicy'],
  ['revoking send makes the very next send fail while the ring stays registered', 'argo.c sendv'],
];

export const STATEMENTS: readonly Statement[] = ROWS.map(([statement, source], index) => ({
  id: `A${String(index + 1).padStart(2, '0')}`,
  statement,
  source,
}));
