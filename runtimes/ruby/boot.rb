# frozen_string_literal: true

# The Ruby boot: takes on one function over the boot protocol (crates/boot) and feeds it events, one at a time.
# What handlers see follows AWS's interface client for Ruby. Start reading at EbbBoot.run.

require 'json'
require 'stringio'
require_relative 'wire'
require_relative 'log'
require_relative 'handler'

module EbbBoot
  # What the interface client ends with, as exit statuses of a process.
  EXIT_AFTER_CRITICAL_ERROR = 255
  EXIT_AFTER_INIT_ERROR = 252

  module_function

  def run
    Encoding.default_external = Encoding::UTF_8
    $stdout.sync = $stderr.sync = true
    wire = Wire.new(Integer(ENV.delete('EBB_BOOT_FD')))
    wire.send(Wire::HELLO, 0, JSON.generate(protocol: 1, runtime: "ruby#{RUBY_VERSION}"))
    kind, _, body = wire.receive
    return if kind == Wire::SHUTDOWN

    start = JSON.parse(body)
    prepare(start['root'], start['env'])
    Log.install(wire)
    handler = initialise(wire, start['handler'])
    wire.send(Wire::READY, 0)
    serve(wire, handler)
  end

  def prepare(root, environment)
    ENV.update(environment)
    Dir.chdir(root)
    version = RbConfig::CONFIG['ruby_version']
    ENV['GEM_PATH'] ||= "#{root}/vendor/bundle/ruby/#{version}:/opt/ruby/gems/#{version}"
    Gem.clear_paths if defined?(Gem)
    $LOAD_PATH.unshift(root, '/opt/ruby/lib')
  end

  def initialise(wire, name)
    Handler.new(name).tap(&:load)
  rescue Exception => e # rubocop:disable Lint/RescueException -- whatever the function's files do is reported
    failure = Failure.new(e, 'Init')
    Log.failure("Init error when loading handler #{name}", failure)
    wire.send(Wire::INIT_FAILED, 0, failure.to_json)
    exit!(EXIT_AFTER_INIT_ERROR)
  end

  def serve(wire, handler)
    loop do
      kind, id, body = wire.receive
      exit(0) if kind == Wire::SHUTDOWN
      next unless kind == Wire::INVOKE

      length = body.unpack1('V')
      metadata = JSON.parse(body.byteslice(4, length).force_encoding(Encoding::UTF_8))
      event = body.byteslice((4 + length)..).force_encoding(Encoding::UTF_8)
      handle(wire, handler, id, metadata, event)
    end
  end

  def handle(wire, handler, id, metadata, event)
    Log.enter(id, metadata['requestId'])
    metadata['traceId'].to_s.empty? ? ENV.delete('_X_AMZN_TRACE_ID') : ENV['_X_AMZN_TRACE_ID'] = metadata['traceId']
    answer = handler.call(event, metadata)
    wire.send(Wire::RESPONSE, id, answer)
  rescue Exception => e # rubocop:disable Lint/RescueException -- an exit or a missing method is an answer too
    failure = Failure.new(e, 'Function')
    Log.failure(failure.critical? ? 'Critical exception from handler' : 'Error raised from handler method', failure)
    wire.send(Wire::FAILURE, id, failure.to_json)
    exit!(EXIT_AFTER_CRITICAL_ERROR) if failure.critical?
  end
end

EbbBoot.run
