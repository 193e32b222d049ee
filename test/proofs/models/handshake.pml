/*
 * Handshake, take-over and revocation of docs/wire.md, against an attacker who owns the wire.
 *
 * Signatures and key agreement are perfect: a signature is a field that only its owner can set, and a session key is known
 * to whoever knows one of its two ephemeral secrets. The attacker sees, keeps, repeats and redirects every message, says
 * anything that it can build, and has a genuine key of its own (domain M). It does not have the keys of A and B.
 *
 *   A      the domain, in two lives: it is started again while messages of its first life are still under way
 *   B      the broker, with three connections, each of which answers one hello
 *   M      the attacker: it signs hellos in its own name, with any ephemeral key that it has seen or made
 *
 * Every delivery is the receiver's choice among all that the attacker can say at that moment, so each order, loss and
 * repetition is tried. Build with -DWEAK_... for a handshake that lacks one of its parts: spin must find an attack.
 * With -DDEMANDED the broker accepts the strong suite alone from A.
 */
#define LIVES 2
/* Two are enough for each attack on a weakened handshake; the handshake itself is checked with three. */
#ifndef CONNECTIONS
#define CONNECTIONS 3
#endif

/* Who signs. */
#define A 1
#define M 2
/* Ephemeral keys: of A's lives 0 and 1, the attacker's, and of B's connections from 3. */
#define ATTACKERS 2
#define BROKERS(c) (3 + (c))
#define IS_KNOWN(key) ((key) == ATTACKERS)
/* What a hello offers, and what is chosen. */
#define BOTH 1
#define WEAKER 2
#define STRONG 1
#define WEAK 2
#define NOBODY 255

/* A's lives. */
bool said[LIVES];            /* the hello is out */
bool isOver[LIVES];          /* this life was ended by the start of the next */
byte heard[LIVES] = NOBODY;  /* the connection whose welcome was accepted; the proof for it is out */
byte chosen[LIVES];          /* the suite, as A understands it */
bool isUp[LIVES];

/* B's connections. A welcome is public as soon as it exists. */
bool answered[CONNECTIONS];
byte signer[CONNECTIONS];    /* of the hello */
byte ephemeral[CONNECTIONS]; /* in the hello */
byte offered[CONNECTIONS];   /* in the hello, as B has received it */
byte suite[CONNECTIONS];
bool isAdmitted[CONNECTIONS];
byte place[CONNECTIONS];     /* the order in which hellos were answered */
byte answers;

byte running = NOBODY;       /* the connection of A's session */
bool isRevoked;              /* A's key is on the list */

/* What A signs in each life: its own ephemeral key, both suites. */
#ifdef WEAK_SUITES_UNSIGNED
#define SAID_BY(life, c) (signer[c] == A && ephemeral[c] == (life))
#else
#define SAID_BY(life, c) (signer[c] == A && ephemeral[c] == (life) && offered[c] == BOTH)
#endif

/* The welcome of connection c answers the hello of this life, as far as A can tell. */
#ifdef WEAK_WELCOME_UNBOUND
#define ANSWERS(life, c) (1)
#else
#define ANSWERS(life, c) SAID_BY(life, c)
#endif

/* Both sides have the same key: the same two ephemeral keys, and (unless weakened) the same transcript. */
#ifdef WEAK_KEY_WITHOUT_TRANSCRIPT
#define SAME_KEY(life, c) (ephemeral[c] == (life))
#else
#define SAME_KEY(life, c) (ephemeral[c] == (life) && signer[c] == A && chosen[life] == suite[c])
#endif

/* The proof for connection c can be said: a life of A has said it, or the attacker has the key. */
#ifdef WEAK_NO_PROOF
#define HAS_PROOF(c) (1)
#else
#define HAS_PROOF(c) (IS_KNOWN(ephemeral[c]) || (heard[0] == (c) && SAME_KEY(0, c)) || (heard[1] == (c) && SAME_KEY(1, c)))
#endif

#define LIFE_OF(c) (ephemeral[c])

inline revokedNeverRuns() {
  assert(!(isRevoked && running != NOBODY));
}

proctype Domain(byte life) {
  byte c;
  atomic {
    /* The second life begins at any time after the first, which is then over. */
    (life == 0 || said[0]);
    if
    :: life == 1 -> isOver[0] = true
    :: else
    fi;
    said[life] = true
  }
  /* Any welcome that B has signed may be delivered; what the attacker signs itself is not a broker's and is refused. */
  atomic {
    select(c : 0 .. CONNECTIONS - 1);
    (answered[c] && !isOver[life]);
    if
    :: ANSWERS(life, c) ->
      heard[life] = c;
      /* Both suites were offered, so both are accepted. */
      chosen[life] = suite[c]
    :: else -> goto end
    fi
  }
  /* B's first record, under the key: B says it when it has admitted the session. The attacker has no such key. */
  atomic {
    (!isOver[life] && ((isAdmitted[heard[life]] && SAME_KEY(life, heard[life]))));
    isUp[life] = true;
    c = heard[life];
    /* Agreement: the other end is B's session with A, from this very hello, under the same suite. */
    assert(signer[c] == A && ephemeral[c] == life && suite[c] == chosen[life]);
    /* Secrecy. */
    assert(!IS_KNOWN(ephemeral[c]));
    /* No downgrade: B knows both suites and A prefers the strong one. */
    assert(suite[c] == STRONG)
  }
end:
  skip
}

proctype Broker(byte c) {
  /* Any hello: of a life of A that was said, or one that the attacker builds. */
  atomic {
    if
    :: said[0] -> signer[c] = A; ephemeral[c] = 0; offered[c] = BOTH
    :: said[1] -> signer[c] = A; ephemeral[c] = 1; offered[c] = BOTH
#ifdef WEAK_SUITES_UNSIGNED
    :: said[0] -> signer[c] = A; ephemeral[c] = 0; offered[c] = WEAKER
#endif
#ifdef WEAK_UNSIGNED_HELLO
    :: signer[c] = A; ephemeral[c] = ATTACKERS; offered[c] = BOTH
#endif
    :: signer[c] = M; ephemeral[c] = ATTACKERS; offered[c] = BOTH
    :: said[0] -> signer[c] = M; ephemeral[c] = 0; offered[c] = BOTH
    :: said[1] -> signer[c] = M; ephemeral[c] = 1; offered[c] = WEAKER
    fi;
    if
    :: signer[c] == A && isRevoked -> goto end
    :: else
    fi;
#ifdef DEMANDED
    /* The broker accepts from A the strong suite alone. */
    if
    :: signer[c] == A && offered[c] == WEAKER -> goto end
    :: else
    fi;
#endif
    suite[c] = (offered[c] == BOTH -> STRONG : WEAK);
    place[c] = answers;
    answers++;
    answered[c] = true
#ifdef WEAK_REPLACE_ON_HELLO
    ;
    if
    :: signer[c] == A && running != NOBODY -> running = c
    :: else
    fi;
    assert(running == NOBODY || isAdmitted[running])
#endif
  }
  atomic {
    HAS_PROOF(c);
#ifndef WEAK_REVOCATION_AT_HELLO_ONLY
    if
    :: signer[c] == A && isRevoked -> goto end
    :: else
    fi;
#endif
    if
    :: signer[c] == A ->
#ifndef WEAK_ORDER
      /* A session whose hello was answered after this one's is newer: it stays. */
      if
      :: running != NOBODY && place[running] > place[c] -> goto end
      :: else
      fi;
#endif
      /* An old session never replaces a newer one. */
      assert(running == NOBODY || LIFE_OF(running) <= LIFE_OF(c));
      running = c;
      isAdmitted[c] = true;
      /* Agreement, injective: a life of A has accepted the welcome of this connection, and no other. */
      assert((heard[0] == c && ephemeral[c] == 0) || (heard[1] == c && ephemeral[c] == 1));
      assert(chosen[LIFE_OF(c)] == suite[c] && suite[c] == STRONG);
      assert(!IS_KNOWN(ephemeral[c]));
      revokedNeverRuns()
    :: else -> isAdmitted[c] = true
    fi
  }
end:
  skip
}

/* The list comes at any time, or never: it ends the running session in the same step. */
proctype Revocation() {
  atomic {
    isRevoked = true;
#ifndef WEAK_SESSIONS_OUTLIVE_REVOCATION
    running = NOBODY;
#endif
    revokedNeverRuns()
  }
}

init {
  atomic {
    byte index;
    for (index : 0 .. LIVES - 1) { run Domain(index) }
    for (index : 0 .. CONNECTIONS - 1) { run Broker(index) }
    if
    :: run Revocation()
    :: skip
    fi
  }
}
