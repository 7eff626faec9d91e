// The model as an IChatClient among the standard decorators of Microsoft.Extensions.AI: answers are cached, requests are traced and
// logged. Without Semantic Kernel. Usage: StandardDecorators <image> [question]
using System.Diagnostics;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.Memory;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using SK.FasterVlm;

byte[] image = await File.ReadAllBytesAsync(args.Length > 0 ? args[0] : throw new ArgumentException("Give the path of an image."));
string question = args.Length > 1 ? args[1] : "What is in the picture?";

using ILoggerFactory loggers = LoggerFactory.Create(static b => b.AddSimpleConsole().AddFilter("Microsoft.Extensions.AI", LogLevel.Debug));
using ActivityListener spans = new() // an exporter of OpenTelemetry in an application
{
    ShouldListenTo = static source => source.Name == "sample",
    Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
    ActivityStopped = static span => Console.WriteLine($"span: {span.DisplayName}, {span.GetTagItem("gen_ai.usage.output_tokens")} tokens out"),
};
ActivitySource.AddActivityListener(spans);

await using FasterVlmModel model = await FasterVlmModel.LoadAsync(new FasterVlmOptions(), loggers);
using IChatClient client = model.CreateChatClient().AsBuilder()
    .UseDistributedCache(new MemoryDistributedCache(Options.Create(new MemoryDistributedCacheOptions())))
    .UseOpenTelemetry(loggers, sourceName: "sample")
    .UseLogging(loggers)
    .Build();

ChatMessage[] messages = [new(ChatRole.User, [new DataContent(image, "image/*"), new TextContent(question)])];
ChatOptions options = new() { MaxOutputTokens = 64, AdditionalProperties = new() { ["keep_ratio"] = 0.5 } };
Console.WriteLine($"asked: {await client.GetResponseAsync(messages, options)}");
Console.WriteLine($"from the cache: {await client.GetResponseAsync(messages, options)}"); // no second span
