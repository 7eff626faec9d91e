// An agent that looks at a folder of invoices, extracts what matters and calls a function to book the payment.
// Usage: InvoiceAgent <folder> [<model.gguf> <mmproj.gguf>]
//
// Without a model this is the small one of models/, which was never trained to call functions and reads short words at best: the grammar
// makes its calls valid and keeps it to the payees there are; whether an amount is right is another matter. A large model can be given
// all functions at once, with FunctionChoiceBehavior.Auto().
using System.ComponentModel;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;
using SK.FasterVlm;

string folder = args.Length > 0 ? args[0] : throw new ArgumentException("Give the folder of the invoices.");
IKernelBuilder builder = Kernel.CreateBuilder();
builder.AddFasterVlmChatCompletion(configure: o => (o.ModelPath, o.ProjectorPath) = args.Length > 2 ? (args[1], args[2]) : (null, null));
builder.AddFasterVlmVisionPlugin(o => (o.AllowedRoot, o.MaxOutputTokens) = (folder, 64));
builder.Plugins.AddFromType<Office>("office");
Kernel kernel = builder.Build();
IChatCompletionService chat = kernel.GetRequiredService<IChatCompletionService>();
KernelFunction book = kernel.Plugins.GetFunction("office", "book_payment");

foreach (string path in Directory.GetFiles(folder, "*.png").Order())
{
    string image = Path.GetFileName(path);
    VisionReply look = (await kernel.InvokeAsync<VisionReply>("vision", "read_text", new() { ["image"] = image }))!;
    VisionReply facts = (await kernel.InvokeAsync<VisionReply>("vision", "extract_json", new()
    {
        ["image"] = image,
        ["schema"] = """{"type":"object","properties":{"total":{"type":"number","minimum":0,"maximum":999}},"required":["total"]}""",
    }))!;
    Console.WriteLine($"{image}: looked: {look.Text ?? look.Error?.Message}; extracted: {facts.Json?.GetRawText() ?? facts.Error?.Message}");

    ChatHistory history = [];
    history.AddUserMessage([new TextContent($"{look.Text} Book the payment."), new ImageContent(await File.ReadAllBytesAsync(path), mimeType: null)]);
    FasterVlmPromptExecutionSettings settings = new() { FunctionChoiceBehavior = FunctionChoiceBehavior.Required([book]), MaxTokens = 64 };
    ChatMessageContent answer = await chat.GetChatMessageContentAsync(history, settings, kernel);
    Console.WriteLine($"{image}: answered: {answer.Content}");
}
await ((ServiceProvider)kernel.Services).DisposeAsync();

enum Payee { Cafe, Taxi, Zoo }

sealed class Office
{
    [KernelFunction("book_payment"), Description("Books a payment.")]
    public static string Book(Payee payee, [Description("In euros")] decimal amount)
    {
        Console.WriteLine(FormattableString.Invariant($"book_payment({payee}, {amount})"));
        return "booked";
    }
}
