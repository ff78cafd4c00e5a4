/** The sink as a process of its own: `sink.ts PORT`. Ends with its parent, or by SIGTERM. */
import { sinkServer } from './sink-server.ts'

sinkServer().listen(Number(process.argv[2]), '127.0.0.1')
