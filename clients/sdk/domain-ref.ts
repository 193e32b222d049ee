/** A domain: its name, as in the policy, or its domid. */
export type DomainRef = string | number;
