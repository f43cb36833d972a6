# frozen_string_literal: true

require 'logger'

module EbbBoot
  # One Log frame for each `puts` and each line of a Logger on the standard streams.
  module Log
    ERROR = 5
    LEVELS = { 'DEBUG' => 2, 'INFO' => 3, 'WARN' => 4, 'ERROR' => 5, 'FATAL' => 6 }.freeze

    class << self
      attr_reader :request_id

      def install(wire)
        @wire = wire
        @event = 0
        Logger.prepend(StandardStreamsLogger)
        Kernel.module_eval do
          def puts(*values)
            text = values.empty? ? "\n" : values.flatten.map { |value| value.to_s.encode('UTF-8') }.join("\n")
            EbbBoot::Log.write(text.end_with?("\n") ? text : "#{text}\n")
          end
        end
      end

      # From now on, what is logged belongs to this event.
      def enter(event, request_id)
        @event = event
        @request_id = request_id
      end

      def write(text, level = 0)
        if @wire.open?
          milliseconds = Process.clock_gettime(Process::CLOCK_REALTIME, :millisecond)
          @wire.send(Wire::LOG, @event, [level, milliseconds].pack('Cq<'), text)
        else
          $stdout.write(text)
        end
        nil
      end

      def failure(title, failure)
        write("#{title}\n#{JSON.pretty_generate(failure.to_h)}\n", ERROR)
      end
    end

    # What a Logger on a standard stream writes to.
    module Sink
      def self.write(text)
        Log.write(text, LEVELS.fetch(text[/\A\w, \[[^\]]*\] +([A-Z]+)/, 1], 0))
      end

      def self.close; end
    end

    # Sends loggers on the standard streams to the sink, with the request's id in each line.
    module StandardStreamsLogger
      def initialize(device, *arguments, formatter: nil, **options)
        if device.nil? || device == $stdout || device == $stderr
          device = Sink
          formatter ||= Formatter.new
        end
        super
      end
    end

    class Formatter < Logger::Formatter
      def call(severity, time, progname, message)
        format("%s, [%s #%d] %5s %s -- %s: %s\n", severity[0], format_datetime(time), Process.pid, severity,
               Log.request_id, progname, msg2str(message))
      end
    end
  end
end
