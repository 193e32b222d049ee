# NixOS module for the guests of microvm.nix and Ghaf: the agent of a virtual machine.
#
#   imports = [ ./argus-agent.nix ];
#   services.argus-agent = { enable = true; bundle = ./argus.mjs; settings.identity = "/var/lib/argus/identity"; };
{ config, lib, pkgs, ... }:
let
  cfg = config.services.argus-agent;
  yaml = pkgs.formats.yaml { };
  hasNetwork = cfg.settings ? network;
in
{
  options.services.argus-agent = {
    enable = lib.mkEnableOption "the agent that keeps this machine's session with its Argus broker";
    bundle = lib.mkOption {
      type = lib.types.path;
      description = "The agent in one file: argus vm agent FILE.";
    };
    settings = lib.mkOption {
      type = yaml.type;
      default = { };
      description = "agent.yaml; every key is in docs/agent.md.";
    };
  };

  config = lib.mkIf cfg.enable {
    boot.kernelModules = [ "virtio_console" ];
    services.argus-agent.settings = {
      carrier = lib.mkDefault "serial:/dev/virtio-ports/argus.0";
      identity = lib.mkDefault "/var/lib/argus/identity";
      socket = lib.mkDefault "/run/argus/agent.sock";
    };
    systemd.services.argus-agent = {
      description = "Argus agent: this machine's session with its message broker";
      wantedBy = [ "sysinit.target" ];
      # The network parts run the programs ip and perl.
      path = lib.optionals hasNetwork [ pkgs.iproute2 pkgs.perl ];
      # Before there is a network, and without one: the wire is a virtio-serial port.
      unitConfig.DefaultDependencies = false;
      after = [ "local-fs.target" "systemd-udevd.service" ];
      before = [ "network-pre.target" "shutdown.target" ];
      conflicts = [ "shutdown.target" ];
      # As in argus-agent.service, and with a "network" section as in argus-agent-network.conf; a test compares them.
      serviceConfig = {
        Type = "exec";
        ExecStart = "${pkgs.nodejs}/bin/node --max-semi-space-size=1 ${cfg.bundle} agent --config ${yaml.generate "agent.yaml" cfg.settings}";
        RuntimeDirectory = "argus";
        StateDirectory = "argus";
        StateDirectoryMode = "0700";
        UMask = "0077";
        Restart = "always";
        RestartSec = 1;
        TimeoutStopSec = 5;
        CapabilityBoundingSet = if hasNetwork then "CAP_NET_ADMIN" else "";
        NoNewPrivileges = true;
        ProtectSystem = "strict";
        ProtectHome = true;
        PrivateTmp = true;
        PrivateNetwork = !hasNetwork;
        RestrictAddressFamilies = [ "AF_UNIX" ] ++ lib.optionals hasNetwork [ "AF_INET" "AF_INET6" "AF_NETLINK" ];
        ProtectKernelTunables = true;
        ProtectKernelModules = true;
        ProtectKernelLogs = true;
        ProtectControlGroups = true;
        ProtectHostname = true;
        RestrictNamespaces = true;
        RestrictRealtime = true;
        RestrictSUIDSGID = true;
        LockPersonality = true;
        SystemCallArchitectures = "native";
      };
    };
  };
}
