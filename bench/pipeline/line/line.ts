/** The line as a process of its own: `line.ts PORT SERVER_PORT ROUND_TRIP_MS BYTES_PER_SECOND`. */
import { lineServer } from './line-server.ts'

const [port = 0, serverPort = 0, roundTripMs = 0, bytesPerSecond = 0] = process.argv.slice(2).map(Number)
lineServer(serverPort, { roundTripMs, bytesPerSecond }).listen(port, '127.0.0.1')
