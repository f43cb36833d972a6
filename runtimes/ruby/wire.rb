# frozen_string_literal: true

module EbbBoot
  # Frames over the inherited socket. Any thread may send; one receives. Ends the process when the server is gone.
  class Wire
    INVOKE, SHUTDOWN = 0x02, 0x04
    HELLO, READY, INIT_FAILED, RESPONSE, FAILURE, LOG = 0x41, 0x42, 0x43, 0x44, 0x45, 0x49
    HEADER_BYTES = 9

    def initialize(descriptor)
      @io = IO.for_fd(descriptor, 'r+b')
      @io.close_on_exec = true
      @io.sync = true
      @sending = Thread::Mutex.new
      close_in_children
    end

    # False in a child that the function forked: the socket belongs to the parent alone.
    def open?
      !@io.closed?
    end

    def send(kind, id, *parts)
      parts = parts.map(&:b)
      head = [HEADER_BYTES - 4 + parts.sum(&:bytesize), kind, id].pack('VCV')
      @sending.synchronize { @io.write(head, *parts) }
    rescue IOError, SystemCallError
      exit!(1)
    end

    # The next frame as [kind, event id, body].
    def receive
      length, kind, id = exactly(HEADER_BYTES).unpack('VCV')
      [kind, id, exactly(length - (HEADER_BYTES - 4))]
    end

    private

    def exactly(count)
      bytes = count.zero? ? '' : @io.read(count)
      bytes.nil? || bytes.bytesize < count ? exit!(1) : bytes
    rescue IOError, SystemCallError
      exit!(1)
    end

    def close_in_children
      return unless Process.respond_to?(:_fork) # Ruby 3.1

      io = @io
      Process.singleton_class.prepend(Module.new do
        define_method(:_fork) { super().tap { |child| io.close if child.zero? } }
      end)
    end
  end
end
