// A conversation with a local model about an image, through Semantic Kernel.
// Usage: ChatAboutAnImage <image> [question ...]; without questions they are read from the console, line by line, to an empty one.
using Microsoft.Extensions.DependencyInjection;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;
using SK.FasterVlm.Pruning;

string image = args.Length > 0 ? args[0] : throw new ArgumentException("Give the path of an image.");

// Without paths this is the small model of models/; give modelPath and projectorPath for a real LLaVA.
IKernelBuilder builder = Kernel.CreateBuilder();
builder.AddFasterVlmChatCompletion(configure: o => o.VisualTokens = VisualTokenBudget.Keep(0.5));
Kernel kernel = builder.Build();
IChatCompletionService chat = kernel.GetRequiredService<IChatCompletionService>();

// The history is the conversation: the picture goes in once, every question and answer after it. What the model has seen of it is cached.
ChatHistory history = [];
foreach (string question in args.Length > 1 ? args.Skip(1) : FromConsole())
{
    Console.WriteLine($"> {question}");
    if (history.Count > 0) history.AddUserMessage(question);
    else history.AddUserMessage([new TextContent(question), new ImageContent(await File.ReadAllBytesAsync(image), mimeType: null)]);
    string answer = "";
    await foreach (StreamingChatMessageContent piece in chat.GetStreamingChatMessageContentsAsync(history, kernel: kernel))
    {
        Console.Write(piece.Content);
        answer += piece.Content;
    }
    Console.WriteLine();
    history.AddAssistantMessage(answer);
}
await ((ServiceProvider)kernel.Services).DisposeAsync();

static IEnumerable<string> FromConsole()
{
    while (Console.ReadLine() is { Length: > 0 } line) yield return line;
}
