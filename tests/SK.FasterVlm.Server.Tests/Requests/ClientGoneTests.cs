using System.IO.Pipelines;
using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using SK.FasterVlm.Server.Protocol;
using SK.FasterVlm.Server.Requests;
using SK.FasterVlm.Server.Security;
using SK.FasterVlm.Server.Tests.Fakes;

namespace SK.FasterVlm.Server.Tests.Requests;

/// <summary>A client that has gone before the web server has told so: there is nobody to tell, and nothing has failed.</summary>
public sealed class ClientGoneTests
{
    [Fact]
    public async Task It_is_no_failure_of_the_server()
    {
        CollectedLog log = new();
        using LoggerFactory loggers = new([log]);
        RequestGuard guard = new(Options.Create(new FasterVlmServerOptions()), loggers.CreateLogger<RequestGuard>());
        Pipe pipe = new();
        pipe.Reader.Complete();
        DefaultHttpContext context = new();
        context.Features.Set<IHttpResponseBodyFeature>(new GoneBody(pipe.Writer));
        context.Request.Host = new HostString("localhost");
        context.Connection.LocalIpAddress = IPAddress.Loopback;
        Pieces writer = new();
        bool mapped = false;
        await guard.InvokeAsync(context, async c =>
        {
            using RequestTime time = new(c, TimeSpan.FromMinutes(1), TimeProvider.System, ParameterNames.Chat);
            try
            {
                await StreamedAnswer.RunAsync(c, SayAsync(), writer, time, Timeout.InfiniteTimeSpan);
            }
            catch (Exception e)
            {
                mapped = e is not ClientGoneException;
                throw;
            }
        }, withoutKey: true);
        Assert.Equal((1, false, false), (writer.Written, writer.Failed, mapped));
        Assert.Empty(log.Lines);
    }

    static async IAsyncEnumerable<int> SayAsync()
    {
        for (int i = 0; i < 3; i++)
        {
            await Task.Yield();
            yield return i;
        }
    }

    sealed class Pieces : IStreamWriter<int>
    {
        public int Written { get; private set; }

        public bool Failed { get; private set; }

        public Task BeginAsync(EventStream events) => Task.CompletedTask;

        public Task WriteAsync(EventStream events, int piece)
        {
            Written++;
            return events.KeepAliveAsync();
        }

        public Task EndAsync(EventStream events) => Task.CompletedTask;

        public Task FailAsync(EventStream events, ApiException error)
        {
            Failed = true;
            return Task.CompletedTask;
        }
    }

    sealed class GoneBody(PipeWriter writer) : IHttpResponseBodyFeature
    {
        public Stream Stream => Writer.AsStream();

        public PipeWriter Writer => writer;

        public void DisableBuffering() { }

        public Task StartAsync(CancellationToken cancellationToken = default) => Task.CompletedTask;

        public Task SendFileAsync(string path, long offset, long? count, CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public Task CompleteAsync() => Task.CompletedTask;
    }
}
