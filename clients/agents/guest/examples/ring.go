// Rings through the agent's socket, with nothing but the standard library.
//
//	ring recv SOCKET PORT                     print "DOMAIN: message" for each message
//	ring send SOCKET DOMAIN PORT MESSAGE...   send each MESSAGE, stop at the first that is refused
//	ring ask SOCKET DOMAIN PORT FROM MESSAGE  send MESSAGE and print the reply, which comes to our port FROM
//	ring answer SOCKET PORT                   reply to each message with the same in upper case
//	ring events SOCKET                        print what happens to the session: space, peer-gone, revision ...
package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
)

type stream struct {
	in  *bufio.Reader
	out io.WriteCloser
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func opened(path string, words ...string) stream {
	connection, err := net.Dial("unix", path)
	must(err)
	s := stream{bufio.NewReader(connection), connection}
	s.ask([]byte(strings.Join(words, " ") + "\n"))
	return s
}

// Every request and every payload is answered with one line.
func (s stream) ask(request []byte) {
	_, err := s.out.Write(request)
	must(err)
	answer, err := s.in.ReadString('\n')
	must(err)
	if answer != "ok\n" {
		must(fmt.Errorf("refused: %s", strings.TrimSpace(answer)))
	}
}

func (s stream) send(payload string) {
	length := make([]byte, 4)
	binary.LittleEndian.PutUint32(length, uint32(len(payload)))
	s.ask(append(length, payload...))
}

func (s stream) receive() (name string, sourcePort uint32, payload []byte) {
	var header struct {
		Length            uint32
		Domid, NameLength uint16
		SourcePort, Type  uint32
	}
	must(binary.Read(s.in, binary.LittleEndian, &header))
	text := make([]byte, uint64(header.NameLength)+uint64(header.Length))
	_, err := io.ReadFull(s.in, text)
	must(err)
	return string(text[:header.NameLength]), header.SourcePort, text[header.NameLength:]
}

func listening(s stream) stream {
	fmt.Fprintln(os.Stderr, "listening")
	return s
}

func recv(path string, args []string) {
	for s := listening(opened(path, "recv", args[0], "any", "65536")); ; {
		name, _, payload := s.receive()
		fmt.Printf("%s: %s\n", name, payload)
	}
}

func send(path string, args []string) {
	s := opened(path, "send", args[0], args[1], "0", "10000")
	for _, message := range args[2:] {
		s.send(message)
	}
}

func ask(path string, args []string) {
	replies := opened(path, "recv", args[2], args[0], "65536")
	opened(path, "send", args[0], args[1], "0", "10000", args[2]).send(args[3])
	_, _, reply := replies.receive()
	fmt.Printf("%s\n", reply)
}

func answer(path string, args []string) {
	for s := listening(opened(path, "recv", args[0], "any", "65536")); ; {
		if name, port, payload := s.receive(); port != 0 {
			reply := opened(path, "send", name, fmt.Sprint(port), "0", "10000")
			reply.send(string(bytes.ToUpper(payload)))
			must(reply.out.Close())
		}
	}
}

func events(path string, _ []string) {
	_, err := io.Copy(os.Stdout, listening(opened(path, "events")).in)
	must(err)
}

func main() {
	roles := map[string]struct {
		run  func(path string, args []string)
		args int
	}{"recv": {recv, 1}, "send": {send, 2}, "ask": {ask, 4}, "answer": {answer, 1}, "events": {events, 0}}
	if len(os.Args) > 2 {
		if role, ok := roles[os.Args[1]]; ok && len(os.Args) >= 3+role.args {
			role.run(os.Args[2], os.Args[3:])
			return
		}
	}
	must(fmt.Errorf("usage: ring recv|send|ask|answer|events SOCKET ...; the head of ring.go has all"))
}
