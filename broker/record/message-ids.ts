/**
 * The message id of every kind of audit record: 128 bits that no other kind of message has, as systemd's journal wants
 * these (sd-journal(3), MESSAGE_ID).
 *
 * It is the name-based UUID (RFC 9562, version 5) of the stable code, so it stands in no record and is known for all
 * records ever written. A new kind gets the id that the test computes.
 */
import type { AuditEventName } from './catalog.ts';

/** The namespace of the codes. Random, made once. */
export const MESSAGE_NAMESPACE = '5f1c8a7e-3b0d-4e52-9a61-7c2d90b4e8f3';

export const MESSAGE_IDS = {
  'broker.start': '971228bd94ba5ef5a23472395f42a1fb',
  'broker.stop': '1d118866b27f56eaa9c1e44fb8471add',
  'session.open': '5a4ccfd71b935df7a5b4cc631abbbd0d',
  'session.close': 'e4794106f67351749ba52e29128e8d8a',
  'session.refused': '015ed841a7915c93abb33c14b9bde796',
  'peer.fault': 'c71f4ceb8fdc57389595fb10d9542056',
  'session.key': '82f9836c57445981af5f745c3cf3a788',
  'ring.register': '78ae4b4fa61f5f439c7142fe8d7be06a',
  'ring.unregister': 'cc70943fc8895bb7bb45e830f9f284c2',
  'ring.denied': '7d849ba708455ecbad087e4288a7b546',
  'ring.revoked': 'f368de1b82bd58a3ad666a00dcc535b1',
  'send.denied': 'be39dd669cca5b1590c38e8d635ac990',
  'send.allowed': '3137d5a692db54d79af8b1a6da043484',
  'send.revoked': '14cafad919c350cbaa1b89912224d1d5',
  'send.undelivered': '8b76e879283658cc89835e509707333c',
  flow: '6c5547b60e7f5803befa88fb0c82fc1c',
  'denied.counted': 'b47e28b4b1b5553b9224268df3a6a00a',
  'policy.load': 'd6038ec527815ae498236a926c6a8e35',
  'policy.reject': '6affab7b32535ae88ac14b1724fbf048',
  'policy.prepare': '5ff9be6619e852498dcf3ce8cc999bff',
  'grant.add': '267b494c91985107b64ac2c54e3fd94d',
  'grant.revoke': '4038c38cd33456809a1f0c4c4d20e4a7',
  'grant.expire': '0c51438c27575c69831df61098a34d94',
  'mode.set': 'fb1a25311d1153cbb6055721fb868bda',
  'key.list': '305f2fdc197e556db0347c49a26bebc5',
  'key.incident': '2f5adcd1e3a65b17a5b7513da93ef299',
  'key.own': 'c4c09264acb3516791458595b28a0511',
  'key.issue': '5e5f25b0cd435e5cb8142c4bec92a216',
  'key.revoke': '5b307b03452d582688fc44da8a5429cf',
  'audit.gap': '195808cf4c5d5c9ebed89555cd0fba37',
  'audit.withheld': '7eedd0f24dd7541f8b7ce3350dc7504d',
  'audit.clock': '0a834fe7ea805b898b6e8d39c09bdc91',
  'audit.prune': 'e0e2e3963df55ce192ef861850d92d63',
  'audit.space': '73580b0a2a225a828fc9d3f4a56fb34e',
  'admin.request': '43798984e8d15a60a26d8931edcf46ae',
  'admin.refused': '1497a3425e695634840790348f09b6bf',
} as const satisfies Readonly<Record<AuditEventName, string>>;
