# The program argus, from the Debian package that "npm run build:deb" makes: it holds the npm packages, so nothing is
# downloaded.
{ runCommand, dpkg, nodejs, deb }:
runCommand "argus-broker" { nativeBuildInputs = [ dpkg ]; meta.mainProgram = "argus"; } ''
  mkdir -p $out/bin
  dpkg-deb --fsys-tarfile ${deb} | tar --extract --directory $out --strip-components=2 ./usr/lib/argus-broker ./usr/share/man
  printf '#!/bin/sh\nexec %s %s "$@"\n' ${nodejs}/bin/node $out/lib/argus-broker/dist/clients/cli/main.js >$out/bin/argus
  chmod 755 $out/bin/argus
''
