# For NixOS: a module for the host of microvm.nix and Ghaf, and one for its guests. docs/hosts.md has a whole host.
{
  description = "A policy-enforced message broker between virtual machines, with mandatory access control";

  outputs = { self }: {
    nixosModules = {
      argus-broker = import ./clients/host/nix/argus-broker.nix;
      argus-agent = import ./clients/agents/guest/init/argus-agent.nix;
    };
  };
}
