# frozen_string_literal: true

# Encodes answers; its methods may be replaced by functions, as with the interface client.
module AwsLambda
  class Marshaller
    def self.marshall_response(answer)
      case answer
      when StringIO, IO then answer.read
      else answer.to_json
      end
    end
  end
end

# The context object that handlers get. Source: the Lambda developer guide, "Using the Lambda context object ... Ruby".
class LambdaContext
  attr_reader :aws_request_id, :invoked_function_arn, :log_group_name, :log_stream_name, :function_name,
              :memory_limit_in_mb, :function_version, :identity, :tenant_id, :client_context, :deadline_ms

  def initialize(metadata)
    @deadline_ms = metadata['deadlineMs']
    @aws_request_id = metadata['requestId']
    @invoked_function_arn = metadata['functionArn']
    @log_group_name = ENV.fetch('AWS_LAMBDA_LOG_GROUP_NAME', nil)
    @log_stream_name = ENV.fetch('AWS_LAMBDA_LOG_STREAM_NAME', nil)
    @function_name = ENV.fetch('AWS_LAMBDA_FUNCTION_NAME', nil)
    @memory_limit_in_mb = ENV.fetch('AWS_LAMBDA_FUNCTION_MEMORY_SIZE', nil)
    @function_version = ENV.fetch('AWS_LAMBDA_FUNCTION_VERSION', nil)
    @identity = JSON.parse(metadata['cognitoIdentity']) if metadata['cognitoIdentity']
    @client_context = JSON.parse(metadata['clientContext']) if metadata['clientContext']
    @tenant_id = metadata['tenantId']
  end

  def get_remaining_time_in_millis
    [0, @deadline_ms - Process.clock_gettime(Process::CLOCK_REALTIME, :millisecond)].max
  end
end

module EbbBoot
  # `FILE.METHOD` or `FILE.CLASS.METHOD`.
  class Handler
    def initialize(name)
      @file, *owner, @method = name.split('.')
      if @method.nil? || owner.size > 1
        raise ArgumentError, "Invalid handler #{name}: it must be FILE.METHOD or FILE.CLASS.METHOD"
      end

      @owner = owner.first
    end

    def load
      require @file
    end

    def call(event, metadata)
      arguments = { event: JSON.parse(event), context: LambdaContext.new(metadata) }
      target = @owner ? Kernel.const_get(@owner) : self
      AwsLambda::Marshaller.marshall_response(target.__send__(@method, **arguments))
    end
  end

  # What went wrong, as the caller's error object.
  class Failure
    MAX_FRAMES = 100
    OURS = "#{__dir__}/"

    def initialize(problem, phase)
      @problem = problem
      @phase = phase
    end

    # Whether the process cannot go on: its code is not what it should be, or wants to end.
    def critical?
      @problem.is_a?(NameError) || !@problem.is_a?(StandardError)
    end

    def to_h
      locations = @problem.backtrace_locations || []
      own = locations.first(MAX_FRAMES).map(&:to_s).take_while { |line| !line.start_with?(OURS) }
      { errorMessage: @problem.message, errorType: "#{@phase}<#{@problem.class}>", stackTrace: own }
    end

    def to_json(*)
      JSON.generate(to_h)
    end
  end
end
