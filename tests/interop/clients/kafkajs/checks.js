// The client's own checks.
'use strict'

const assert = require('node:assert/strict')
const { createHash } = require('node:crypto')
const { ConfigResourceTypes } = require('kafkajs')
const { PATIENCE_MS, administer, codecs, create, kafka, numbers, read, send, unique, using } = require('./clients')

async function idempotent(server) {
  const topic = await create(server, unique('idempotent'))
  const count = 20_000
  await using(kafka(server).producer({ idempotent: true, maxInFlightRequests: 1 }), async (producer) => {
    for (let from = 0; from < count; from += 500) await producer.send({ topic, messages: numbers(from, from + 500), acks: -1 })
  })
  const messages = await read(server, topic, count, { readUncommitted: false })
  messages.forEach((message, number) => assert.equal(message.value.toString(), String(number)))
}

async function large(server) {
  const topic = await create(server, unique('large'))
  const payload = noise(900_000)
  for (const codec of Object.keys(codecs)) await send(server, topic, [{ value: payload }], codec)
  const messages = await read(server, topic, Object.keys(codecs).length, { maxBytesPerPartition: 1000 })
  messages.forEach((message) => assert.ok(message.value.equals(payload), `message ${message.offset}`))
  await refused('MESSAGE_TOO_LARGE', () => send(server, topic, [{ value: noise(2_000_000) }], 'none', { retry: { retries: 0 } }))
}

async function commit(server) {
  const topic = await create(server, unique('commit'))
  const group = unique('commit')
  await send(server, topic, numbers(0, 10))
  await read(server, topic, 4, { group })
  const rest = await read(server, topic, 6, { group })
  assert.equal(rest[0].offset, '4')
}

async function seek(server) {
  const topic = await create(server, unique('seek'))
  const noon = Date.now()
  await send(server, topic, numbers(0, 10).map((message, number) => ({ ...message, timestamp: String(noon + number * 1000) })))
  // At the end of the topic, back to 7; and beyond the end, where the reset policy decides: from the start.
  const then = (consumer, messages) => {
    if (messages.length === 10) consumer.seek({ topic, partition: 0, offset: '7' })
    if (messages.length === 13) consumer.seek({ topic, partition: 0, offset: '1000' })
  }
  const messages = await read(server, topic, 15, { then })
  assert.deepEqual(messages.slice(10).map((message) => message.offset), ['7', '8', '9', '0', '1'])
  await administer(server, async (admin) => {
    const [ends] = await admin.fetchTopicOffsets(topic)
    assert.deepEqual([ends.low, ends.high], ['0', '10'])
    const [found] = await admin.fetchTopicOffsetsByTimestamp(topic, noon + 4500)
    assert.equal(found.offset, '5')
  })
}

async function longPoll(server) {
  const topic = await create(server, unique('late'))
  const begun = {}
  const prepare = () => {
    begun.at = Date.now()
    setTimeout(() => send(server, topic, numbers(0, 1)), 1500)
  }
  const [message] = await read(server, topic, 1, { prepare, maxWaitTimeInMs: 5000 })
  const waited = message.at - begun.at
  assert.ok(waited >= 1400 && waited < 4000, `the message came after ${waited} ms`)
}

async function topics(server) {
  const topic = await create(server, unique('topics'), 3)
  await administer(server, async (admin) => {
    const { topics: [description] } = await admin.fetchTopicMetadata({ topics: [topic] })
    assert.equal(description.partitions.length, 3)
    assert.ok((await admin.listTopics()).includes(topic))
    const make = (name, replicationFactor = 1) => admin.createTopics({ topics: [{ topic: name, replicationFactor }], waitForLeaders: false })
    assert.equal(await make(topic), false)
    await refused('INVALID_TOPIC_EXCEPTION', () => make('no/topic'))
    await refused('INVALID_REPLICATION_FACTOR', () => make(`${topic}-three`, 3))
    await admin.deleteTopics({ topics: [topic] })
    await refused('UNKNOWN_TOPIC_OR_PARTITION', () => admin.deleteTopics({ topics: [topic] }))
  })
}

async function partitions(server) {
  const topic = await create(server, unique('partitions'))
  await administer(server, async (admin) => {
    await admin.createPartitions({ topicPartitions: [{ topic, count: 4 }] })
    await until('four partitions', async () => (await admin.fetchTopicMetadata({ topics: [topic] })).topics[0].partitions.length === 4)
    await refused('INVALID_PARTITIONS', () => admin.createPartitions({ topicPartitions: [{ topic, count: 2 }] }))
  })
}

async function configs(server) {
  const topic = await create(server, unique('configs'), 1, [{ name: 'cleanup.policy', value: 'compact' }])
  const resource = { type: ConfigResourceTypes.TOPIC, name: topic }
  await administer(server, async (admin) => {
    const holds = async (name, value) => {
      const { resources: [described] } = await admin.describeConfigs({ resources: [resource] })
      return described.configEntries.find((entry) => entry.configName === name).configValue === value
    }
    await until('the policy', () => holds('cleanup.policy', 'compact'))
    // The call of kafkajs is the older one, which replaces all that was set before.
    await admin.alterConfigs({ resources: [{ ...resource, configEntries: [{ name: 'retention.ms', value: '3600000' }] }] })
    await until('the change', () => holds('retention.ms', '3600000'))
    await until('the default', () => holds('cleanup.policy', 'delete'))
  })
}

async function deleteRecords(server) {
  const topic = await create(server, unique('delete-records'))
  await send(server, topic, numbers(0, 10))
  await administer(server, async (admin) => {
    // Kafkajs deletes only from topics whose metadata it happens to have.
    await admin.fetchTopicOffsets(topic)
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '6' }] })
    const [ends] = await admin.fetchTopicOffsets(topic)
    assert.equal(ends.low, '6')
  })
  const messages = await read(server, topic, 4)
  assert.equal(messages[0].offset, '6')
}

async function groups(server) {
  const topic = await create(server, unique('groups'))
  const groupId = unique('groups')
  await send(server, topic, numbers(0, 5))
  await read(server, topic, 5, { group: groupId })
  await administer(server, async (admin) => {
    const { groups: [description] } = await admin.describeGroups([groupId])
    assert.equal(description.state, 'Empty')
    assert.ok((await admin.listGroups()).groups.some((group) => group.groupId === groupId))
    const committed = async () => {
      const [{ partitions: [partition] }] = await admin.fetchOffsets({ groupId, topics: [topic] })
      return [partition.offset, partition.metadata]
    }
    assert.deepEqual(await committed(), ['5', 'here'])
    await admin.setOffsets({ groupId, topic, partitions: [{ partition: 0, offset: '2' }] })
    assert.equal((await committed())[0], '2')
    await admin.deleteGroups([groupId])
    await refused('GROUP_ID_NOT_FOUND', () => admin.deleteGroups([groupId]))
  })
}

async function cluster(server) {
  await administer(server, async (admin) => {
    const description = await admin.describeCluster()
    assert.equal(description.brokers.length, 1)
    assert.ok(description.clusterId)
  })
}

/** Expects a call to be refused, for this reason, at whatever depth kafkajs reports it. */
async function refused(type, call) {
  const error = await call().then(() => assert.fail(`not refused with ${type}`), (reason) => reason)
  const reasons = [error, error.cause, ...(error.errors ?? []), ...(error.groups ?? []).map((group) => group.error ?? {})]
  assert.ok(reasons.some((reason) => reason?.type === type), `expected ${type}, got ${error.message}`)
}

async function until(what, holds) {
  const end = Date.now() + PATIENCE_MS
  while (!(await holds())) {
    assert.ok(Date.now() < end, `waited in vain for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** Bytes that no codec makes smaller, the same each time. */
function noise(size) {
  const blocks = Array.from({ length: Math.ceil(size / 32) }, (_, number) => createHash('sha256').update(String(number)).digest())
  return Buffer.concat(blocks).subarray(0, size)
}

const checks = {
  idempotent,
  large,
  commit,
  seek,
  'long poll': longPoll,
  topics,
  partitions,
  configs,
  'delete records': deleteRecords,
  groups,
  cluster,
}

module.exports = { checks }
