# NixOS module for the host of microvm.nix and Ghaf: the broker and the command line.
#
#   imports = [ argus.nixosModules.argus-broker ];
#   services.argus-broker = { enable = true; deb = ./argus-broker_0.2.0_amd64.deb; };
{ config, lib, pkgs, ... }:
let
  cfg = config.services.argus-broker;
  package = pkgs.callPackage ./package.nix { inherit (cfg) deb; };
  configuration = "${cfg.host}/argus.yaml";
in
{
  options.services.argus-broker = {
    enable = lib.mkEnableOption "the Argus message broker between virtual machines";
    deb = lib.mkOption {
      type = lib.types.path;
      description = "The Debian package: npm run build:deb.";
    };
    host = lib.mkOption {
      type = lib.types.str;
      default = "/var/lib/argus/host";
      description = "The directory that argus host init makes, below /var/lib/argus.";
    };
  };

  config = lib.mkIf cfg.enable {
    environment.systemPackages = [ package ];
    users.users.argus = {
      isSystemUser = true;
      group = "argus";
      home = "/var/lib/argus";
    };
    users.groups.argus = { };
    systemd.services.argus-broker = {
      description = "Argus message broker";
      wantedBy = [ "multi-user.target" ];
      after = [ "local-fs.target" ];
      # Nothing to run before "argus host init".
      unitConfig.ConditionPathExists = configuration;
      # As in clients/host/debian/argus-broker.service; a test compares them.
      serviceConfig = {
        Type = "exec";
        User = "argus";
        Group = "argus";
        ExecStart = "${package}/bin/argus broker --config ${configuration}";
        ExecReload = "${pkgs.coreutils}/bin/kill -HUP $MAINPID";
        Restart = "on-failure";
        Nice = -10;
        StateDirectory = "argus";
        StateDirectoryMode = "0700";
        UMask = "0077";
        NoNewPrivileges = true;
        CapabilityBoundingSet = "";
        ProtectSystem = "strict";
        ProtectHome = true;
        ProtectProc = "invisible";
        ProcSubset = "pid";
        PrivateTmp = true;
        PrivateDevices = true;
        PrivateUsers = true;
        ProtectClock = true;
        ProtectHostname = true;
        ProtectKernelTunables = true;
        ProtectKernelModules = true;
        ProtectKernelLogs = true;
        ProtectControlGroups = true;
        RestrictAddressFamilies = [ "AF_UNIX" "AF_INET" "AF_INET6" ];
        RestrictNamespaces = true;
        RestrictRealtime = true;
        RestrictSUIDSGID = true;
        LockPersonality = true;
        RemoveIPC = true;
        SystemCallArchitectures = "native";
        SystemCallFilter = [ "@system-service" "~@privileged @resources" ];
        SystemCallErrorNumber = "EPERM";
      };
    };
  };
}
