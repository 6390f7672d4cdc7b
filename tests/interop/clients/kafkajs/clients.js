// Clients of the broker under test, and what all checks do with them.
'use strict'

const { randomUUID } = require('node:crypto')
const { CompressionCodecs, CompressionTypes, Kafka, logLevel } = require('kafkajs')
const SnappyCodec = require('kafkajs-snappy')
const lz4 = require('lz4-napi')
const zstd = require('@mongodb-js/zstd')

const PATIENCE_MS = 30_000

// Kafkajs brings gzip; the others are for the user to choose.
CompressionCodecs[CompressionTypes.Snappy] = SnappyCodec
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: (encoder) => lz4.compressFrame(encoder.buffer),
  decompress: (buffer) => lz4.decompressFrame(buffer),
})
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: (encoder) => zstd.compress(encoder.buffer),
  decompress: (buffer) => zstd.decompress(buffer),
})

const codecs = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD,
}

// A consumer ends, commits and joins again only between its fetches: few should wait long for messages.
const groupSettings = { sessionTimeout: 6000, heartbeatInterval: 500, rebalanceTimeout: 10_000, maxWaitTimeInMs: 100 }

const kafka = (server) => new Kafka({ brokers: [server], logLevel: logLevel.NOTHING, retry: { initialRetryTime: 100 } })

/** Runs a function with a connected client, and disconnects it. */
async function using(client, run) {
  await client.connect()
  try {
    return await run(client)
  } finally {
    await client.disconnect()
  }
}

const administer = (server, run) => using(kafka(server).admin(), run)

const unique = (what) => `${what}-${randomUUID()}`

async function create(server, topic, numPartitions = 1, configEntries = []) {
  await administer(server, (admin) => admin.createTopics({ topics: [{ topic, numPartitions, configEntries }], waitForLeaders: false }))
  return topic
}

/** Sends all messages in one request and returns what the broker said of each partition. */
function send(server, topic, messages, codec = 'none', settings = {}) {
  return using(kafka(server).producer(settings), (producer) =>
    producer.send({ topic, messages, acks: -1, compression: codecs[codec] }),
  )
}

function numbers(from, to, partitions = 1) {
  return Array.from({ length: to - from }, (_, index) => ({ value: String(from + index), partition: (from + index) % partitions }))
}

async function fill(server, topic, from, to) {
  if (from === 0) await create(server, topic, 4)
  await send(server, topic, numbers(from, to, 4))
}

/**
 * Reads messages with a consumer of a group until there are `count`, and commits the last. `prepare` is called once
 * the consumer runs, `then` after each message.
 */
async function read(server, topic, count, { group = unique('readers'), prepare, then, ...settings } = {}) {
  const messages = []
  const consumer = kafka(server).consumer({ groupId: group, ...groupSettings, ...settings })
  await using(consumer, async () => {
    await consumer.subscribe({ topic, fromBeginning: true })
    await new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`only ${messages.length} of ${count} messages came`)), PATIENCE_MS)
      consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error))
      const eachMessage = async ({ partition, message }) => {
        messages.push({ partition, at: Date.now(), ...message })
        then?.(consumer, messages)
        if (messages.length >= count) {
          clearTimeout(late)
          resolve()
        }
      }
      consumer.run({ autoCommit: false, eachMessage }).then(prepare, reject)
    })
    const last = messages[count - 1]
    await consumer.commitOffsets([{ topic, partition: last.partition, offset: String(Number(last.offset) + 1), metadata: 'here' }])
  })
  return messages.slice(0, count)
}

module.exports = { PATIENCE_MS, administer, codecs, create, fill, groupSettings, kafka, numbers, read, send, unique, using }
